/* SPDX-License-Identifier: MIT */
/* trust.c: whose certificates are believed; see trust.h. */
#include "upstream/trust.h"
#include "base/auto.h"

#include <dirent.h>
#include <string.h>

static const char *directory; /* libcurl's own text; NULL: the bundle */

/* Eight hexadecimal digits, a dot, a number. */
static bool is_hashed_name(const char *name)
{
    return strspn(name, "0123456789abcdef") == 8 && name[8] == '.' && name[9] != '\0' &&
           name[9 + strspn(name + 9, "0123456789")] == '\0';
}

static long hashed_names(const char *path)
{
    long n = 0;
    DIR *dir = opendir(path);
    if (dir == NULL)
        return 0;
    for (const struct dirent *e; (e = readdir(dir)) != NULL;)
        n += is_hashed_name(e->d_name);
    closedir(dir);
    return n;
}

/* -1 when it cannot be read. */
static long certificates_in(const char *path)
{
    long n = 0;
    auto_file in = fopen(path, "re");
    auto_str line = NULL;
    size_t cap = 0;
    if (in == NULL)
        return -1;
    while (getline(&line, &cap, in) >= 0)
        n += strstr(line, "-----BEGIN") != NULL && strstr(line, "CERTIFICATE-----") != NULL;
    return n;
}

bool trust_directory_ok(const char *path, const char *bundle)
{
    long n = certificates_in(bundle);
    return n > 0 && hashed_names(path) >= n;
}

void trust_init(void)
{
    const curl_version_info_data *v = curl_version_info(CURLVERSION_NOW);
    bool openssl = v->ssl_version != NULL && strncmp(v->ssl_version, "OpenSSL/", 8) == 0;
    if (openssl && v->capath != NULL && v->cainfo != NULL && trust_directory_ok(v->capath, v->cainfo))
        directory = v->capath;
}

void trust_set(CURL *h)
{
    if (directory == NULL)
        return;
    curl_easy_setopt(h, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(h, CURLOPT_CAPATH, directory);
    curl_easy_setopt(h, CURLOPT_PROXY_CAINFO, NULL);
    curl_easy_setopt(h, CURLOPT_PROXY_CAPATH, directory);
}
