/* SPDX-License-Identifier: MIT */
/*
 * test_trust.c: when the directory of root certificates is used in place of the
 * bundle.
 */
#include "upstream/trust.h"

#include "../check.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char place[] = "/tmp/pollux-trust-XXXXXX";

static void write_file(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", place, name);
    FILE *out = fopen(path, "w");
    if (CHECK(out != NULL)) {
        fputs(text, out);
        fclose(out);
    }
}

static void bundle_of(int n)
{
    char text[1000] = "# a comment, as some bundles have\n";
    for (int i = 0; i < n; i++)
        strcat(text, "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
    write_file("bundle.pem", text);
}

static bool good(void)
{
    char bundle[128];
    snprintf(bundle, sizeof bundle, "%s/bundle.pem", place);
    return trust_directory_ok(place, bundle);
}

static void a_directory_without_the_names_is_not_used(void)
{
    CHECK(!trust_directory_ok("/nonexistent", "/nonexistent/bundle.pem"));
    CHECK(!good()); /* no bundle to compare with */
    bundle_of(2);
    CHECK(!good());
    write_file("Some_Root.pem", "");
    write_file("5ed36f99", "");
    write_file("5ed36f99.", "");
    write_file("5ED36F99.0", "");
    write_file("5ed36f99.r0", "");
    write_file("15ed36f99.0", "");
    CHECK(!good());
}

static void one_with_as_many_as_the_bundle_is(void)
{
    write_file("5ed36f99.0", "");
    CHECK(!good());
    write_file("5ed36f99.1", ""); /* two names with the same hash */
    CHECK(good());
    bundle_of(3);
    CHECK(!good()); /* the operator has added one to the bundle alone */
    bundle_of(0);
    CHECK(!good());
}

int main(void)
{
    if (mkdtemp(place) == NULL)
        return 1;
    RUN(a_directory_without_the_names_is_not_used);
    RUN(one_with_as_many_as_the_bundle_is);
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", place);
    return system(command) == 0 ? check_end() : 1;
}
