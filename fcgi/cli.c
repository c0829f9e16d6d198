/* SPDX-License-Identifier: MIT */
/*
 * cli.c: `pollux`, the operator's command line.
 *
 * One table says what there is; each row's function lies in fcgi/cli/, in the
 * file of its noun. The program finds its instance by the same settings as the
 * workers (environment, $POLLUX_HOME/pollux.conf) and works as the owner of the
 * database.
 *
 * Exit codes: 0 done, 1 failed (the reason and what to do are on stderr), 2 the
 * command line was wrong. With --json stdout holds one JSON value and nothing
 * else; the shapes stand in the help of each command and are kept stable.
 */
#include "base/auto.h"
#include "base/conf.h"
#include "base/streams.h"
#include "cli/cli.h"

#include <string.h>

#define KEY_SHAPE                                                                                         \
    "{\"id\", \"project\", \"kind\", \"label\", \"hint\", \"priority\", \"state\", \"reason\", \"until\",\n" \
    "\"created_at\", \"last_used_at\", \"requests_today\", \"proxy\" (without its password)}; state is\n" \
    "ready, resting, dead or disabled."

#define MODEL_SHAPE                                                                                       \
    "{\"name\", \"upstream_name\", \"aliases\": [], \"rpm\", \"tpm\", \"rpd\", \"max_concurrency\",\n"           \
    "\"wait_limit_ms\", \"thinking_budget\", \"thinking_level\", \"include_thoughts\",\n"                      \
    "\"stream_policy\", \"fallback\": [], \"price_input\", \"price_cached\", \"price_output\"};\n"             \
    "a limit that is null is unknown, not unlimited"

#define KEY_INPUT                                                                                         \
    "A key is 20 to 256 characters of A-Z a-z 0-9 . _ - ; newlines, blanks and commas\n"                  \
    "lie between keys. Without --project each key is a project of its own, which is\n"                    \
    "right unless several keys belong to one Google Cloud project: those share its\n"                     \
    "quota. A key that is known already stays as it is.\n"                                                \
    "\nJSON: {\"new\", \"known\", \"malformed\", \"ids\": [of all good ones, in their order],\n"                           \
    "\"malformed_lines\": [the first ten: {\"file\", \"line\", \"text\" (masked), \"reason\"}]}.\n"       \
    "Fails only when there was no good key among malformed ones."

#define POLICY_OPTIONS                                                                                    \
    {.name = "status", .value = "N|N-M", .help = "the HTTP status it is about, or a range"},              \
    {.name = "text", .value = "TEXT", .help = "what the error's message, status name or reason holds"},   \
    {.name = "action", .value = "WHAT", .help = "stop: the client gets the error; another: another key is tried"}, \
    {.name = "rest", .value = "WHO", .help = "none, credential, quota (its project, this model) or model [none]"}, \
    {.name = "for", .value = "TIME", .help = "how long: 500ms, 30s, 10m, 2h, 1d"},                        \
    {.name = "position", .value = "N", .help = "lower is asked first [behind all others]"},              \
    {.name = "note", .value = "TEXT", .help = "a note"}

#define POLICY_SHAPE                                                                                      \
    "{\"id\", \"position\", \"status_from\", \"status_to\", \"text\", \"action\", \"scope\",\n" \
    "\"rest_ms\", \"note\", \"enabled\", \"created_at\", \"updated_at\"}."

#define KEY_OPTIONS                                                                                       \
    {.name = "project", .value = "NAME", .help = "the project all these keys belong to"},                 \
    {.name = "label", .value = "TEXT", .help = "a note to recognise them by"},                            \
    {.name = "priority", .value = "N", .help = "lower goes first with the strategy `priority` [100]"},    \
    {.name = "proxy", .value = "URL",                                                                     \
     .help = "proxy of all calls with them: http, https, socks5 or socks5h"}

#define ADMIN_SHAPE                                                                                       \
    "{\"id\", \"name\", \"role\", \"state\", \"created_at\",\n\"password_at\", \"login_at\", \"sessions\"}"

#define STDIN_OPTION                                                                                      \
    {.name = "stdin", .help = "take the password from standard input instead of making one"}

#define ACCOUNT_SHAPE                                                                                     \
    "{\"id\", \"email\", \"upstream\", \"google_project\", \"tier\", \"scopes\", \"client_id\",\n"       \
    "\"account\": ok, refreshing or why it is out, \"says\": Google's words, \"link\": what to open,\n"  \
    "\"expires_at\", \"refreshed_at\", and what `key list` shows}."

#define ACCOUNT_OPTIONS                                                                                   \
    {.name = "upstream", .value = "WHERE", .help = "gemini (the Gemini API) or code_assist [gemini]"},    \
    {.name = "project", .value = "ID", .help = "the Google Cloud project it works for"},                  \
    {.name = "label", .value = "TEXT", .help = "a note to recognise it by"}

static int show_version(struct cli *cli);
static int show_help(struct cli *cli);

static const struct cli_command commands[] = {
    {.noun = "key", .verb = "add", .run = key_add, .arguments = "[KEY...]", .most = -1,
     .options = {KEY_OPTIONS},
     .summary = "Puts API keys into the pool.",
     .help = "What stands on a command line can be read by every user of the machine while\n"
             "it runs and stays in the shell's history. Without a KEY (or with `-`) the keys\n"
             "are read from standard input instead:  pollux key add < keys.txt\n\n" KEY_INPUT},
    {.noun = "key", .verb = "import", .run = key_import, .arguments = "[FILE...]", .most = -1,
     .options = {KEY_OPTIONS},
     .summary = "Puts the API keys of files into the pool.",
     .help = "A FILE may be a directory: all files in it are read, hidden ones excepted. `-`, or\n"
             "no FILE, is standard input. `#` begins a comment to the end of the line.\n\n" KEY_INPUT},
    {.noun = "key", .verb = "list", .run = key_list,
     .options = {{.name = "archived", .help = "those that `key restore` can bring back"}},
     .summary = "Lists the keys and how they are.",
     .help = "JSON: an array of\n" KEY_SHAPE "\nArchived ones have \"dead_at\", \"archived_at\" and "
             "the \"until\" of their secret instead\nof what was used."},
    {.noun = "key", .verb = "enable", .run = key_enable, .arguments = "ID", .least = 1, .most = 1,
     .summary = "Takes a key into use again, whatever it was out for.",
     .help = "Also forgets an automatic verdict (invalid, suspended, ...) and its cool-downs.\n\n"
             "JSON: the key as it is now,\n" KEY_SHAPE},
    {.noun = "key", .verb = "disable", .run = key_disable, .arguments = "ID", .least = 1, .most = 1,
     .summary = "Takes a key out of use; running requests finish.",
     .help = "JSON: the key as it is now,\n" KEY_SHAPE},
    {.noun = "key", .verb = "set", .run = key_set, .arguments = "ID", .least = 1, .most = 1,
     .options = {{.name = "proxy", .value = "URL",
                  .help = "proxy of all calls with it: http, https, socks5 or socks5h; `none`; `-`: from standard input"},
                 {.name = "priority", .value = "N", .help = "lower goes first with the strategy `priority`"},
                 {.name = "label", .value = "TEXT", .help = "a name to recognise it by"},
                 {.name = "tags", .value = "A,B", .help = "words to find it by; replaces those it had"},
                 {.name = "notes", .value = "TEXT", .help = "whatever else there is to say"},
                 {.name = "project", .value = "NAME", .help = "the project it belongs to"}},
     .summary = "Changes what is said of a key; `none` clears.",
     .help = "What is not given stays as it is. User and password of a proxy are sealed like keys\n"
             "and never shown; what stands on a command line can be read by every user of the\n"
             "machine while it runs.\n\nJSON: the key as it is now,\n" KEY_SHAPE},
    {.noun = "key", .verb = "remove", .run = key_remove, .arguments = "ID", .least = 1, .most = 1,
     .summary = "Deletes a key, also out of the archive; what was counted of it stays.",
     .help = "JSON: the key as it was,\n" KEY_SHAPE},
    {.noun = "key", .verb = "restore", .run = key_restore, .arguments = "ID", .least = 1, .most = 1,
     .summary = "Brings a key back from the archive.",
     .help = "Keys that were dead for remove_dead_days (see `setting list`) leave the pool for the\n"
             "archive, `key list --archived`, and can be brought back for archive_days.\n\n"
             "JSON: the key as it is now,\n" KEY_SHAPE},

    {.noun = "key", .verb = "test", .run = key_test, .arguments = "[ID]", .most = 1,
     .options = {{.name = "all", .help = "all keys"},
                 {.name = "model", .value = "NAME", .help = "test with this model [one it is used for]"}},
     .summary = "Asks the upstream now whether a key works.",
     .help = "One request a key, by counting tokens, which costs no quota, or, where that would prove\n"
             "nothing, by generating one token (setting probe_with). A dead key that works is in use\n"
             "again. What does not work is asked again by itself: see the settings probe_after_...\n\n"
             "JSON: an array of {\"id\", \"ok\", \"status\", \"outcome\", \"error\", \"model\", \"with\",\n"
             "\"duration_ms\", \"state\", \"next_probe_at\", \"project\", \"label\", \"hint\", \"job\", \"done\"}."},
    {.noun = "key", .verb = "sync", .run = key_sync,
     .summary = "Reads the folder with keys (POLLUX_KEYS_DIR) now.",
     .help = "Workers do it by themselves, every keys_folder_s seconds. New keys are added; keys that\n"
             "came from a folder and are in none any more are disabled until they are back. With\n"
             "several hosts each reads its own folder; a key counts as there while any has it.\n\n"
             "JSON: {\"new\", \"back\", \"gone\", \"files\", \"keys\", \"malformed\", \"whole\": could all be read,\n"
             "\"errors\": [the first ten: {\"file\", \"line\", \"text\" (masked), \"error\"}]}."},
    {.noun = "key", .verb = "folders", .run = key_folders,
     .summary = "Lists the folders with keys of all hosts.",
     .help = "JSON: an array of {\"place\": host:/path, \"synced_at\", \"tried_at\", \"next_at\", \"files\", \"keys\",\n"
             "\"malformed\", \"errors\", \"credentials\", \"late\"}."},
    {.noun = "key", .verb = "forget-folder", .run = key_forget_folder, .arguments = "PLACE", .least = 1, .most = 1,
     .summary = "Forgets a folder with keys that is no more.",
     .help = "For a host that was taken down: keys that only this folder held are disabled. One that is\n"
             "still there comes back with its next reading. PLACE is as `key folders` shows it.\n\n"
             "JSON: {\"place\", \"gone\": how many keys were disabled}."},
    {.noun = "key", .verb = "reset", .run = key_reset, .arguments = "ID", .least = 1, .most = 1,
     .summary = "Forgets that a key was dead, failing or resting; learned limits too.",
     .help = "What was counted stays. A key that you disabled stays so: `key enable`.\n\n"
             "JSON: the key as it is now,\n" KEY_SHAPE},

    {.noun = "account", .verb = "client", .run = account_client, .arguments = "[CLIENT-ID]", .most = 1,
     .options = {{.name = "remove", .help = "no more logins"}},
     .summary = "Shows or sets the OAuth client that accounts log in with.",
     .help = "Make one of your own in the Google Cloud console (APIs and services, credentials): type\n"
             "\"desktop app\", or \"web application\" with the redirect addresses\n"
             "/admin/cli-auth/callback and /oauth2/callback below the setting public_url. Its secret is read from standard\n"
             "input: pollux account client CLIENT-ID < secret.txt. Without an OAuth client there are\n"
             "no accounts. Read the chapter on accounts in the README first: Google's terms.\n\n"
             "JSON: {\"client_id\", \"changed_at\", \"accounts\"}, or null."},
    {.noun = "account", .verb = "login", .run = account_login,
     .options = {ACCOUNT_OPTIONS,
                 {.name = "redirect", .value = "URI", .help = "where Google sends the browser [a dead end here]"}},
     .summary = "Logs an account in with a browser, anywhere.",
     .help = "Prints an address for the browser and waits for the one that the browser shows in the\n"
             "end (or the code in it) on standard input.\n\nJSON: the account,\n" ACCOUNT_SHAPE},
    {.noun = "account", .verb = "import", .run = account_import_files, .arguments = "FILE...", .least = 1, .most = -1,
     .options = {ACCOUNT_OPTIONS},
     .summary = "Takes accounts out of files: oauth_creds.json, authorized_user.",
     .help = "`-` is standard input. The login in the file is tried before it is stored; whoever has\n"
             "the file still has the account, so delete it. An account that is known gets the new login.\n\n"
             "JSON: an array of\n" ACCOUNT_SHAPE},
    {.noun = "account", .verb = "list", .run = account_list,
     .summary = "Lists the accounts and how they are.", .help = "JSON: an array of\n" ACCOUNT_SHAPE},
    {.noun = "account", .verb = "enable", .run = account_enable, .arguments = "ID", .least = 1, .most = 1,
     .summary = "Takes an account into use again, whatever it was out for.",
     .help = "JSON: the account as it is now,\n" ACCOUNT_SHAPE},
    {.noun = "account", .verb = "disable", .run = account_disable, .arguments = "ID", .least = 1, .most = 1,
     .summary = "Takes an account out of use; running requests finish.",
     .help = "JSON: the account as it is now,\n" ACCOUNT_SHAPE},
    {.noun = "account", .verb = "refresh", .run = account_refresh_one, .arguments = "ID", .least = 1, .most = 1,
     .summary = "Gets a new access token now; with Code Assist also tier and project.",
     .help = "An account that was out and works is in again.\n\nJSON: the account as it is now,\n" ACCOUNT_SHAPE},
    {.noun = "account", .verb = "remove", .run = account_remove, .arguments = "ID", .least = 1, .most = 1,
     .summary = "Deletes an account and its tokens; what was counted of it stays.",
     .help = "JSON: the account as it was,\n" ACCOUNT_SHAPE},
    {.noun = "account", .verb = "map", .run = account_map, .arguments = "[EMAIL PROJECT|none]", .most = 2,
     .summary = "Shows or sets which Google Cloud project an e-mail address uses.",
     .help = "JSON: an array of {\"email\", \"google_project\"}."},

    {.noun = "client", .verb = "add", .run = client_add, .arguments = "NAME", .least = 1, .most = 1,
     .options = {{.name = "rpm", .value = "N", .help = "requests per minute"},
                 {.name = "tpm", .value = "N", .help = "tokens per minute"},
                 {.name = "daily-tokens", .value = "N", .help = "tokens per day"},
                 {.name = "models", .value = "A,B", .help = "the only models it may use [all]"},
                 {.name = "expires", .value = "WHEN", .help = "2027-01-01, or 30d from now (h, d, w)"}},
     .summary = "Makes a client and its token, which is shown this once.",
     .help = "JSON: {\"id\", \"name\", \"token\", \"hint\", \"rpm\", \"tpm\", \"daily_tokens\", \"models\",\n"
             "\"expires_at\", ...}; null is no limit."},
    {.noun = "client", .verb = "set", .run = client_set, .arguments = "ID|NAME", .least = 1, .most = 1,
     .options = {{.name = "rpm", .value = "N", .help = "requests per minute"},
                 {.name = "tpm", .value = "N", .help = "tokens per minute"},
                 {.name = "daily-tokens", .value = "N", .help = "tokens per day"},
                 {.name = "models", .value = "A,B", .help = "the only models it may use"},
                 {.name = "expires", .value = "WHEN", .help = "2027-01-01, or 30d from now (h, d, w)"}},
     .summary = "Changes what a client may use; the value `none` clears a limit.",
     .help = "What is not given stays as it is. Requests without a token (setting open_access)\n"
             "are those of the client \"open access\":  pollux client set \"open access\" --rpm 100\n\n"
             "JSON: the client as it is now, as in `client list`."},
    {.noun = "client", .verb = "list", .run = client_list, .summary = "Lists the clients.",
     .help = "JSON: an array of {\"id\", \"name\", \"hint\", \"rpm\", \"tpm\", \"daily_tokens\",\n"
             "\"models\", \"expires_at\", \"revoked_at\", \"created_at\", \"tokens_today\", \"state\"};\n"
             "state is active, expired or revoked; off: open access while it is switched off."},
    {.noun = "client", .verb = "revoke", .run = client_revoke, .arguments = "ID|NAME", .least = 1, .most = 1,
     .summary = "Makes a client's token invalid for good.",
     .help = "JSON: the client as it is now, as in `client list`."},

    {.noun = "policy", .verb = "list", .run = policy_list,
     .summary = "Lists your rules about errors of the upstream.",
     .help = "They are asked in this order, and before what Pollux knows by itself.\n\n"
             "JSON: an array of\n" POLICY_SHAPE},
    {.noun = "policy", .verb = "add", .run = policy_add, .options = {POLICY_OPTIONS},
     .summary = "Adds a rule: what an error means, what follows, who rests and for how long.",
     .help = "--status and --action are needed. Workers go by it within a second or two.\n\n"
             "    pollux policy add --status 429 --text \"image quota\" --action another --rest quota --for 6h\n\n"
             "JSON: the rule,\n" POLICY_SHAPE},
    {.noun = "policy", .verb = "set", .run = policy_set, .arguments = "ID", .least = 1, .most = 1,
     .options = {POLICY_OPTIONS, {.name = "enabled", .value = "yes|no", .help = "whether it counts"}},
     .summary = "Changes a rule; what is not given stays as it is.", .help = "JSON: the rule,\n" POLICY_SHAPE},
    {.noun = "policy", .verb = "remove", .run = policy_remove, .arguments = "ID", .least = 1, .most = 1,
     .summary = "Removes a rule.", .help = "JSON: the rule as it was,\n" POLICY_SHAPE},
    {.noun = "policy", .verb = "test", .run = policy_test, .arguments = "STATUS [BODY]", .least = 1, .most = 2,
     .options = {{.name = "account", .help = "the answer was to an OAuth account"}},
     .summary = "Says what an answer of the upstream would mean, without asking anybody.",
     .help = "BODY is the answer's body; `-`, or none, is standard input.\n\n"
             "JSON: {\"rule\": its id, or null for what is built in, \"outcome\", \"next\": answer, another or again,\n"
             "\"scope\", \"rest\": none, backoff, ms, midnight, never, dead or exact, \"rest_ms\", \"reason\", \"says\"}."},

    {.noun = "ban", .verb = "list", .run = ban_list,
     .summary = "Lists the addresses that are not served without a client token.",
     .help = "Addresses ban themselves by asking on and on when their limits are reached (settings\n"
             "open_per_minute, open_per_hour, ban_after, ban_minutes). Whoever has a valid token\n"
             "is served all the same.\n\n"
             "JSON: an array of {\"net\", \"reason\", \"automatic\", \"created_at\", \"ends_at\"}."},
    {.noun = "ban", .verb = "add", .run = ban_add, .arguments = "ADDRESS|NETWORK", .least = 1, .most = 1,
     .options = {{.name = "until", .value = "WHEN", .help = "2027-01-01, or 30d from now (h, d, w) [1d]"},
                 {.name = "reason", .value = "TEXT", .help = "a note"}},
     .summary = "Bans an address or a network; an IPv6 address stands for its /64.",
     .help = "One that is banned already gets the new end.\n\nJSON: the ban, as in `ban list`."},
    {.noun = "ban", .verb = "lift", .run = ban_lift, .arguments = "ADDRESS|NETWORK", .least = 1, .most = 1,
     .summary = "Ends a ban now.", .help = "JSON: the ban as it was, as in `ban list`."},

    {.noun = "model", .verb = "list", .run = model_list,
     .summary = "Lists the configured models; all others are forwarded as they are.",
     .help = "JSON: an array of\n" MODEL_SHAPE "\nand \"projects\", \"ready\", \"requests_today\"."},
    {.noun = "model", .verb = "set", .run = model_set, .arguments = "NAME", .least = 1, .most = 1,
     .options = {{.name = "rpm", .value = "N", .help = "requests per minute and project"},
                 {.name = "tpm", .value = "N", .help = "input tokens per minute and project"},
                 {.name = "rpd", .value = "N", .help = "requests per (Pacific) day and project"},
                 {.name = "max-concurrency", .value = "N", .help = "requests at the same time, all projects"},
                 {.name = "wait-limit-ms", .value = "MS", .help = "how long a request may wait for its turn"},
                 {.name = "alias", .value = "A,B", .help = "other names of it; replaces those it had"},
                 {.name = "upstream", .value = "NAME", .help = "what Google calls it, if not NAME"},
                 {.name = "thinking-budget", .value = "N", .help = "tokens to think with; -1: the model decides"},
                 {.name = "thinking-level", .value = "LEVEL", .help = "minimal, low, medium or high, instead"},
                 {.name = "include-thoughts", .value = "on|off", .help = "whether answers show thoughts"},
                 {.name = "stream-policy", .value = "POLICY",
                  .help = "auto; collect: always ask for a stream; whole: never"},
                 {.name = "fallback", .value = "A,B", .help = "who serves when it is exhausted or overloaded"},
                 {.name = "price-input", .value = "P", .help = "price of a million prompt tokens"},
                 {.name = "price-cached", .value = "P", .help = "price of a million of those from a cache"},
                 {.name = "price-output", .value = "P", .help = "price of a million output tokens"}},
     .summary = "Sets limits, names and manners of a model; the value `none` clears one.",
     .help = "What is not given stays as it is. A limit that is not set is learned from the\n"
             "upstream's own refusals; what else is not set is as `pollux setting list` says\n"
             "for all models. What is said about thinking holds where a request does not say\n"
             "(setting thinking_override: always).\n\n"
             "JSON: the model as it is now,\n" MODEL_SHAPE "."},
    {.noun = "model", .verb = "remove", .run = model_remove, .arguments = "NAME", .least = 1, .most = 1,
     .summary = "Forgets what was set of a model, its aliases included.",
     .help = "It is forwarded as it is from then on. JSON: the model as it was,\n" MODEL_SHAPE "."},
    {.noun = "model", .verb = "alias", .run = model_alias, .arguments = "NAME ALIAS...", .least = 2, .most = -1,
     .options = {{.name = "remove", .help = "take these names away"}},
     .summary = "Gives a model more names.",
     .help = "A name may be anything that an application asks for, such as gpt-4o.\n\n"
             "JSON: the model as it is now,\n" MODEL_SHAPE "."},

    {.noun = "admin", .verb = "token add", .run = token_add, .arguments = "NAME", .least = 1, .most = 1,
     .options = {{.name = "role", .value = "ROLE", .help = "metrics, viewer, operator or owner [viewer]"},
                 {.name = "expires", .value = "WHEN", .help = "2027-01-01, or 30d from now (h, d, w)"}},
     .summary = "Makes a token for scripts that administer; it is shown this once.",
     .help = "metrics may read /metrics and /status.txt; viewer may read what is below /admin/; operator\n"
             "may change the pool; owner may do everything. No client token does any of this.\n\n"
             "JSON: {\"id\", \"name\", \"role\", \"token\", \"hint\", \"expires_at\", ...}."},
    {.noun = "admin", .verb = "token list", .run = token_list, .summary = "Lists the tokens of scripts.",
     .help = "JSON: an array of {\"id\", \"name\", \"role\", \"hint\", \"created_at\", \"expires_at\",\n"
             "\"last_used_at\", \"revoked_at\", \"state\"}; state is active, expired or revoked."},
    {.noun = "admin", .verb = "token revoke", .run = token_revoke, .arguments = "ID|NAME", .least = 1,
     .most = 1, .summary = "Makes such a token invalid for good.",
     .help = "JSON: the token as it is now, as in `admin token list`."},

    {.noun = "model", .verb = "reset", .run = model_reset, .arguments = "NAME", .least = 1, .most = 1,
     .summary = "Ends all rests and failures of a model, and forgets the limits learned for it.",
     .help = "JSON: {\"model\", \"projects\": how many are ready again}."},

    {.noun = "reset", .run = reset_all, .options = {{.name = "all", .help = "yes, everything"}},
     .summary = "Ends everything automatic: dead keys, rests, failures, learned limits.",
     .help = "What you disabled stays so; what was counted stays.\n\n"
             "JSON: {\"credentials\": that were dead, \"rows\": of a project and a model that rested}."},

    {.noun = "setting", .verb = "list", .run = setting_list,
     .summary = "Lists what can be changed while Pollux runs.",
     .help = "JSON: an array of {\"name\", \"value\", \"default\", \"kind\", \"unit\", \"min\", \"max\",\n"
             "\"choices\", \"help\", \"changed_at\"}; kind is integer, number, boolean, choice, text or list\n"
             "(a,b,c)."},
    {.noun = "setting", .verb = "set", .run = setting_set, .arguments = "NAME VALUE", .least = 2, .most = 2,
     .summary = "Changes a setting; the workers take it up within a second.",
     .help = "JSON: {\"name\", \"value\", ...} as it is now."},
    {.noun = "setting", .verb = "reset", .run = setting_reset, .arguments = "NAME", .least = 1, .most = 1,
     .summary = "Puts a setting back to its default.",
     .help = "JSON: {\"name\", \"value\", ...} as it is now."},

    {.noun = "admin", .verb = "add", .run = admin_add, .arguments = "NAME", .least = 1, .most = 1,
     .options = {{.name = "role", .value = "ROLE", .help = "viewer, operator or owner [owner]"}, STDIN_OPTION},
     .summary = "Makes an administrator of the console; the password is shown this once.",
     .help = "A viewer sees everything but secrets, an operator also changes what serves requests, an\n"
             "owner also decides who may enter.\n\nJSON: " ADMIN_SHAPE " and \"password\", if one was made."},
    {.noun = "admin", .verb = "list", .run = admin_list, .summary = "Lists the administrators of the console.",
     .help = "JSON: an array of " ADMIN_SHAPE "; state is\nactive or disabled."},
    {.noun = "admin", .verb = "passwd", .run = admin_passwd, .arguments = "ID|NAME", .least = 1, .most = 1,
     .options = {STDIN_OPTION},
     .summary = "Gives an administrator a new password and ends their sessions.",
     .help = "Also lets them try at once, however many wrong passwords were given before.\n\n"
             "JSON: as in `admin list`, and \"password\", if one was made."},
    {.noun = "admin", .verb = "role", .run = admin_role, .arguments = "ID|NAME ROLE", .least = 2, .most = 2,
     .summary = "Changes what an administrator may do: viewer, operator, owner.",
     .help = "JSON: as in `admin list`."},
    {.noun = "admin", .verb = "enable", .run = admin_enable, .arguments = "ID|NAME", .least = 1, .most = 1,
     .summary = "Lets an administrator sign in again.", .help = "JSON: as in `admin list`."},
    {.noun = "admin", .verb = "disable", .run = admin_disable, .arguments = "ID|NAME", .least = 1, .most = 1,
     .summary = "Keeps an administrator out and ends their sessions.", .help = "JSON: as in `admin list`."},
    {.noun = "admin", .verb = "remove", .run = admin_remove, .arguments = "ID|NAME", .least = 1, .most = 1,
     .summary = "Removes an administrator; what they did stays in the audit.",
     .help = "JSON: the administrator as they were."},

    {.noun = "status", .run = status_show, .summary = "Shows how the pool and the workers are.",
     .help = "JSON: {\"database\", \"database_size\", \"maintenance\", \"strategy\", \"clients\",\n"
             "\"open_requests\", \"waiting_requests\", \"credentials\": {how many in each state},\n"
             "\"last_hour\": {\"requests\", \"errors\", ...}, \"workers\": [...],\n"
             "\"models\": [the most used: {\"model\", \"projects\", \"ready\", ...}]}."},
    {.noun = "usage", .run = usage_show,
     .options = {{.name = "by", .value = "A,B", .help = "client, credential, model [all three]"},
                 {.name = "per", .value = "hour|day", .help = "a row for each"},
                 {.name = "since", .value = "WHEN", .help = "2026-11-20, or 7d for seven days ago (h, d, w)"},
                 {.name = "until", .value = "WHEN", .help = "the same [now]"},
                 {.name = "csv", .help = "print a table for spreadsheets"},
                 {.name = "from", .value = "WHEN", .help = "the older name of --since"},
                 {.name = "to", .value = "WHEN", .help = "the older name of --until"}},
     .summary = "Sums up requests, tokens and what they cost.",
     .help = "Whole hours are counted; days are those of Google's quota (America/Los_Angeles). What\n"
             "it cost is told for models that have prices (`pollux model set`).\n\n"
             "JSON: an array of {the fields of --by, \"day\" or \"hour\", \"requests\", \"errors\",\n"
             "\"prompt_tokens\", \"cached_tokens\", \"output_tokens\", \"thoughts_tokens\", \"tool_tokens\",\n"
             "\"total_tokens\", \"cost\", \"median_ms\", \"p95_ms\"}; null is unknown. CSV: the same columns."},

    {.noun = "maintain", .run = maintain_run,
     .summary = "Does the maintenance that is due, once.",
     .help = "For a crontab or a timer every minute (deploy/cron, deploy/systemd) where the database\n"
             "has no pg_cron. It may run at the same time as itself, pg_cron and the workers. Fails if\n"
             "one of the jobs failed. `select * from report.jobs` shows them all. Where no worker runs\n"
             "(a CGI program has none between requests) it also tests keys, refreshes accounts and reads\n"
             "the folder with keys when that is due, as a worker would: a row named jobs.\n\n"
             "JSON: an array of {\"name\", \"result\", \"failed\", \"ms\"}."},
    {.noun = "migrate", .run = migrate_run,
     .summary = "Brings the database up to this version of Pollux.",
     .help = "May be repeated, and run by several instances at once. Reads the folder sql/ beside\n"
             "build/, or the one that POLLUX_SQL names.\n\n"
             "JSON: {\"migrations\": how many there are, \"applied\": [files of the new ones],\n"
             "\"notices\": [what the role of the connection may not do]}."},
    {.noun = "generate-key", .run = generate_key, .arguments = "[FILE]", .most = 1,
     .summary = "Makes the master key file that seals the keys in the database.",
     .help = "FILE is POLLUX_MASTER_KEY_FILE unless given; it is never overwritten.\n\nJSON: {\"file\"}."},
    {.noun = "rotate-key", .run = rotate_key,
     .options = {{.name = "wait", .value = "SECONDS", .help = "how long to wait for workers; 30 unless given"}},
     .summary = "Makes a new master key and seals everything in the database anew.",
     .help = "Workers go on meanwhile. If it is broken off, run it again: it goes on where it was. The old key is\n"
             "taken out of POLLUX_MASTER_KEY_FILE once nothing is sealed with it any more; backups of the\n"
             "database from before still need it. Where workers run on several hosts it says when to copy the\n"
             "file to the others. Run it as the user that the file belongs to, or as root.\n\n"
             "JSON: {\"key\": id of the new one, \"sealed_anew\": how many values, \"removed\": ids}."},
    {.noun = "check", .run = check_run, .unsettled = true,
     .options = {{.name = "offline", .help = "leave the upstream alone"}},
     .summary = "Looks for what may be wrong with this instance, and says what to do.",
     .help = "No quota is spent. Fails if any line does.\n\n"
             "JSON: an array of {\"check\", \"state\": ok, warn or fail, \"detail\", \"advice\",\n"
             "\"text\", \"values\"}; detail is text with its {names} replaced by the values."},
    {.noun = "version", .run = show_version, .bare = true, .summary = "Says which version this is."},
    {.noun = "help", .run = show_help, .arguments = "[COMMAND]", .most = 3, .bare = true,
     .summary = "Explains a command."},
};

enum { COMMANDS = sizeof commands / sizeof *commands };

static int show_version(struct cli *cli)
{
    if (!cli->json) {
        puts("pollux " POLLUX_VERSION);
        return CLI_OK;
    }
    json_auto_t *version = json_pack("{s:s}", "version", POLLUX_VERSION);
    cli_json(version);
    return CLI_OK;
}

static void list_commands(FILE *out)
{
    fputs("usage: pollux COMMAND [--json] ...\n\n", out);
    for (size_t i = 0; i < COMMANDS; i++) {
        auto_buf name = {0};
        buf_printf(&name, "%s %s", commands[i].noun, commands[i].verb != NULL ? commands[i].verb : "");
        fprintf(out, "  %-18s %s\n", buf_str(&name), commands[i].summary);
    }
    fputs("\n`pollux COMMAND --help` tells more; `pollux help settings` lists the settings, which come\n"
          "from the environment or from pollux.conf in POLLUX_HOME.\n", out);
}

/* ---- finding the row ---- */

static bool is_noun(const char *word)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].noun, word) == 0)
            return true;
    return false;
}

static const struct cli_command *find(const char *noun, const char *verb)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].noun, noun) == 0
            && (commands[i].verb == NULL || (verb != NULL && strcmp(commands[i].verb, verb) == 0)))
            return &commands[i];
    return NULL;
}

/* A row whose verb has two words, `token add`; NULL if these are none. */
static const struct cli_command *find_long(const char *noun, const char *first, const char *second)
{
    if (first == NULL || second == NULL)
        return NULL;
    auto_buf verb = {0};
    buf_printf(&verb, "%s %s", first, second);
    const struct cli_command *c = find(noun, buf_str(&verb));
    return c != NULL && c->verb != NULL ? c : NULL;
}

/* Lists the verbs of a noun: "add, list or revoke". */
static void list_verbs(const char *noun, struct buf *out)
{
    const char *last = NULL;
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].noun, noun) != 0)
            continue;
        if (last != NULL)
            buf_printf(out, "%s%s", out->n > 0 ? ", " : "", last);
        last = commands[i].verb;
    }
    if (last != NULL)
        buf_printf(out, "%s%s", out->n > 0 ? " or " : "", last);
}

static const struct cli_command *unknown_noun(const char *word)
{
    const char *near = cli_nearest(word, &commands[0].noun, COMMANDS, sizeof *commands);
    if (near != NULL)
        cli_say("there is no command `%s`; did you mean `pollux %s`?", word, near);
    else
        cli_say("there is no command `%s`; `pollux help` lists them", word);
    return NULL;
}

static const struct cli_command *unknown_verb(const char *noun, const char *word)
{
    const char *verbs[COMMANDS];
    size_t n = 0;
    auto_buf all = {0};
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].noun, noun) == 0)
            verbs[n++] = commands[i].verb;
    const char *near = word != NULL ? cli_nearest(word, verbs, n, sizeof *verbs) : NULL;
    list_verbs(noun, &all);
    if (near != NULL)
        cli_say("there is no command `%s %s`; did you mean `pollux %s %s`?", noun, word, noun, near);
    else if (word != NULL)
        cli_say("there is no command `%s %s`: it is %s", noun, word, buf_str(&all));
    else
        cli_say("`pollux %s` is followed by %s", noun, buf_str(&all));
    return NULL;
}

/* The row for these words; NULL after saying what is wrong. */
static const struct cli_command *look_up(const char *noun, const char *verb)
{
    const struct cli_command *c = find(noun, verb);
    if (c != NULL)
        return c;
    return is_noun(noun) ? unknown_verb(noun, verb) : unknown_noun(noun);
}

/* Whether the verb has two words and this is the first of them. */
static bool begins_with(const char *verb, const char *first)
{
    size_t n = strlen(first);
    return verb != NULL && strncmp(verb, first, n) == 0 && verb[n] == ' ';
}

/* `pollux help key`: all commands of that noun; `pollux admin token --help`: those whose verb begins so. */
static int help_noun(const char *noun, const char *first)
{
    bool more = false;
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].noun, noun) != 0 || (first != NULL && !begins_with(commands[i].verb, first)))
            continue;
        if (more)
            putchar('\n');
        cli_usage(&commands[i], stdout);
        more = true;
    }
    return more ? CLI_OK : CLI_WRONG;
}

static int show_help(struct cli *cli)
{
    if (cli->count == 0) {
        list_commands(stdout);
        return CLI_OK;
    }
    if (strcmp(cli->arguments[0], "settings") == 0) {
        conf_print_help(stdout);
        return CLI_OK;
    }
    if (cli->count == 1 && is_noun(cli->arguments[0]))
        return help_noun(cli->arguments[0], NULL);
    const char *verb = cli->count > 1 ? cli->arguments[1] : NULL;
    const struct cli_command *c = find_long(cli->arguments[0], verb, cli->count > 2 ? cli->arguments[2] : NULL);
    if (c == NULL)
        c = look_up(cli->arguments[0], verb);
    if (c == NULL)
        return CLI_WRONG;
    cli_usage(c, stdout);
    return CLI_OK;
}

/* ---- running it ---- */

static int run(struct cli *cli)
{
    if (cli->help) {
        cli_usage(cli->command, stdout);
        return CLI_OK;
    }
    if (!cli->command->bare && !conf_load(&cli->fault) && !cli->command->unsettled)
        return cli_failed(cli);
    int code = cli->command->run(cli);
    db_free(cli->db);
    return code;
}

static int dispatch(struct cli *cli, int argc, char **argv)
{
    const char *verb = argc > 2 && argv[2][0] != '-' ? argv[2] : NULL;
    const char *last = argv[argc - 1];
    bool help = strcmp(last, "--help") == 0 || strcmp(last, "-h") == 0;
    if (help && argc == 3 && is_noun(argv[1]) && find(argv[1], NULL) == NULL)
        return help_noun(argv[1], NULL);
    if (help && argc == 4 && verb != NULL && find(argv[1], verb) == NULL && help_noun(argv[1], verb) == CLI_OK)
        return CLI_OK;
    cli->command = find_long(argv[1], verb, argc > 3 ? argv[3] : NULL);
    bool is_long = cli->command != NULL;
    if (!is_long)
        cli->command = look_up(argv[1], verb);
    if (cli->command == NULL)
        return CLI_WRONG;
    int words = is_long ? 4 : cli->command->verb != NULL ? 3 : 2;
    return cli_parse(cli, argc - words, argv + words) ? run(cli) : CLI_WRONG;
}

/* A full disk or a closed pipe must not look like success. */
static int finish(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    return code != CLI_OK ? code : cli_failure("the output could not be written");
}

int main(int argc, char **argv)
{
    static char help[] = "help", version[] = "version";
    streams_fill();
    if (argc < 2) {
        list_commands(stderr);
        return CLI_WRONG;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        argv[1] = help;
    else if (strcmp(argv[1], "--version") == 0)
        argv[1] = version;
    struct cli cli = {.arguments = xcalloc((size_t)argc, sizeof *cli.arguments)};
    int code = finish(dispatch(&cli, argc, argv));
    free(cli.arguments);
    return code;
}
