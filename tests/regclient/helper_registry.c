/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/regclient/helper_registry.h"

#include <check.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "tests/support/data_files.h"

static char *script_path(void)
{
    RF_CLEANUP(rf_freep) char *data = test_data_path(".");
    return rf_xasprintf("%s/../support/scripted_registry.py", data);
}

static void make_folder(struct test_registry *r)
{
    char name[] = "/tmp/rf-registry-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(name));
    r->folder = rf_xstrdup(name);
    r->log = rf_path_join(name, "log");
}

static void run_script(struct test_registry *r, const char *profile, const char *cert, int out)
{
    RF_CLEANUP(rf_freep) char *script = script_path();
    RF_CLEANUP(rf_freep) char *folder = test_data_path("regclient/tls");
    RF_CLEANUP(rf_freep) char *pem = rf_xasprintf("%s/%s.pem", folder, cert != NULL ? cert : "");
    RF_CLEANUP(rf_freep) char *key = rf_xasprintf("%s/%s.key", folder, cert != NULL ? cert : "");
    RF_CLEANUP(rf_freep) char *ca = rf_path_join(folder, "ca.pem");
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that crashes takes it along */
    dup2(out, 1);
    execlp("python3", "python3", script, "--profile", profile, "--log", r->log,
           cert != NULL ? "--tls" : (char *)NULL, pem, key, ca, (char *)NULL);
    _exit(127);
}

static void read_ports(struct test_registry *r, int fd)
{
    char line[64];
    size_t n = 0;
    unsigned main_port = 0;
    unsigned other_port = 0;
    while (n < sizeof(line) - 1 && read(fd, line + n, 1) == 1 && line[n] != '\n')
        n++;
    line[n] = '\0';
    ck_assert_msg(sscanf(line, "%u %u", &main_port, &other_port) == 2,
                  "the scripted registry says \"%s\"", line);
    r->name = rf_xasprintf("127.0.0.1:%u", main_port);
    r->other = rf_xasprintf("127.0.0.1:%u", other_port);
}

static void start_process(struct test_registry *r, const char *profile, const char *cert)
{
    int fds[2];
    RF_CLEANUP(rf_freep)
    char *file = profile[0] == '{' ? rf_path_join(r->folder, "profile.json") : rf_xstrdup(profile);
    if (profile[0] == '{')
        ck_assert_int_eq(rf_file_write(file, rf_slice_str(profile), 0600, NULL), 0);
    ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
    r->pid = fork();
    ck_assert_int_ge(r->pid, 0);
    if (r->pid == 0)
        run_script(r, file, cert, fds[1]);
    close(fds[1]);
    read_ports(r, fds[0]);
    close(fds[0]);
}

static void start_client(struct test_registry *r, const char *host)
{
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_freep)
    char *flag = rf_xasprintf("reg=%s%s%s", r->name, r->tls ? "" : ",tls=disabled",
                              host != NULL ? host : "");
    r->hosts = rf_hosts_new();
    ck_assert_msg(rf_hosts_add_flag(r->hosts, flag, &err) == 0, "%s", err.msg);
    ck_assert_msg(rf_http_new(NULL, &r->http, &err) == 0, "%s", err.msg);
    r->stats = rf_stats_new();
    struct rf_remote_options opts = { .stats = r->stats, .backoff_ms = 5 };
    ck_assert_msg(rf_remote_new(r->http, r->hosts, r->name, &opts, &r->remote, &err) == 0, "%s",
                  err.msg);
    ck_assert_msg(rf_registry_open(r->remote, &r->place, &err) == 0, "%s", err.msg);
}

static struct test_registry *start(const char *profile, const char *cert, const char *host)
{
    struct test_registry *r = rf_xcalloc(1, sizeof(*r));
    r->tls = cert != NULL;
    make_folder(r);
    start_process(r, profile, cert);
    start_client(r, host);
    return r;
}

struct test_registry *test_registry_start(const char *profile, const char *host)
{
    return start(profile, NULL, host);
}

struct test_registry *test_registry_start_tls(const char *profile, const char *cert,
                                              const char *host)
{
    return start(profile, cert, host);
}

static void remove_file(const char *folder, const char *name)
{
    RF_CLEANUP(rf_freep) char *path = rf_path_join(folder, name);
    unlink(path);
}

void test_registry_stop(struct test_registry *r)
{
    if (r == NULL)
        return;
    rf_place_free(r->place);
    rf_remote_free(r->remote);
    rf_http_free(r->http);
    rf_hosts_free(r->hosts);
    rf_stats_free(r->stats);
    kill(r->pid, SIGKILL);
    waitpid(r->pid, NULL, 0);
    remove_file(r->folder, "log");
    remove_file(r->folder, "profile.json");
    rmdir(r->folder);
    free(r->name);
    free(r->other);
    free(r->folder);
    free(r->log);
    free(r);
}

void test_registry_stopp(struct test_registry **r)
{
    test_registry_stop(*r);
    *r = NULL;
}

/* ---- the log ---- */

static size_t collect(char *p, size_t size, size_t n, void *ctx)
{
    rf_buf_add(ctx, p, size * n);
    return size * n;
}

/* What the registry tells tests of itself. */
static json_t *tell(const struct test_registry *r, const char *what)
{
    RF_CLEANUP(rf_freep)
    char *url = rf_xasprintf("%s://%s/_/%s", r->tls ? "https" : "http", r->name, what);
    RF_CLEANUP(rf_buf_release) struct rf_buf body;
    CURL *e = curl_easy_init();
    rf_buf_init(&body, 0);
    curl_easy_setopt(e, CURLOPT_URL, url);
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 0L);
    curl_easy_setopt(e, CURLOPT_TIMEOUT, 25L);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, &body);
    CURLcode rc = curl_easy_perform(e);
    curl_easy_cleanup(e);
    ck_assert_msg(rc == CURLE_OK, "%s: %s", url, curl_easy_strerror(rc));
    return body.len > 0 ? json_loadb(body.ptr, body.len, JSON_DECODE_ANY, NULL) : NULL;
}

/* The registry answers once every request that came is answered and logged. */
static void settle(const struct test_registry *r)
{
    json_decref(tell(r, "settle"));
}

char *test_registry_log(struct test_registry *r)
{
    settle(r);
    char *text = test_read_file(r->log, NULL);
    return text != NULL ? text : rf_xstrdup("");
}

static unsigned count(struct test_registry *r, const char *origin, const char *glob,
                      const char *flag)
{
    RF_CLEANUP(rf_freep) char *text = test_registry_log(r);
    unsigned n = 0;
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        RF_CLEANUP(rf_json_decrefp) json_t *doc = json_loads(line, 0, NULL);
        if (doc == NULL)
            continue; /* only half written yet */
        RF_CLEANUP(rf_freep)
        char *what = rf_xasprintf("%s %s", json_string_value(json_object_get(doc, "method")),
                                  json_string_value(json_object_get(doc, "path")));
        if (origin != NULL &&
            strcmp(json_string_value(json_object_get(doc, "origin")), origin) != 0)
            continue;
        if (rf_text_glob(glob, what) && (flag == NULL || json_is_true(json_object_get(doc, flag))))
            n++;
    }
    return n;
}

unsigned test_registry_count(struct test_registry *r, const char *origin, const char *glob)
{
    return count(r, origin, glob, NULL);
}

unsigned test_registry_logins(struct test_registry *r, const char *origin, const char *glob)
{
    return count(r, origin, glob, "has_authorization");
}

unsigned test_registry_sessions(struct test_registry *r)
{
    RF_CLEANUP(rf_json_decrefp) json_t *doc = tell(r, "state");
    ck_assert(json_is_integer(json_object_get(doc, "uploads")));
    return (unsigned)json_integer_value(json_object_get(doc, "uploads"));
}

char *test_registry_begun(struct test_registry *r, const char *glob)
{
    RF_CLEANUP(rf_json_decrefp) json_t *doc = tell(r, "begun");
    RF_CLEANUP(rf_buf_release) struct rf_buf found;
    size_t i;
    json_t *request;
    rf_buf_init(&found, 0);
    json_array_foreach (doc, i, request) {
        RF_CLEANUP(rf_freep)
        char *what = rf_xasprintf("%s %s", json_string_value(json_array_get(request, 0)),
                                  json_string_value(json_array_get(request, 1)));
        if (rf_text_glob(glob, what))
            rf_buf_addf(&found, "%s\n", what);
    }
    return rf_buf_take(&found, NULL);
}

bool test_registry_waits_for(struct test_registry *r, const char *glob, unsigned n)
{
    for (int i = 0; i < 2000; i++) {
        RF_CLEANUP(rf_freep) char *begun = test_registry_begun(r, glob);
        unsigned lines = 0;
        for (const char *p = begun; (p = strchr(p, '\n')) != NULL; p++)
            lines++;
        if (lines >= n)
            return true;
        usleep(10000);
    }
    return false;
}

unsigned test_registry_most(struct test_registry *r)
{
    RF_CLEANUP(rf_json_decrefp) json_t *most = tell(r, "most");
    ck_assert(json_is_integer(most));
    return (unsigned)json_integer_value(most);
}

unsigned test_registry_certs(struct test_registry *r, const char *origin, const char *glob)
{
    return count(r, origin, glob, "client_cert");
}

void test_registry_forget(struct test_registry *r)
{
    json_decref(tell(r, "clear")); /* settles, too */
    ck_assert_int_eq(truncate(r->log, 0), 0);
}

/* ---- content, put by plain requests ---- */

struct bytes {
    const char *ptr;
    size_t left;
};

static size_t give(char *p, size_t size, size_t n, void *ctx)
{
    struct bytes *b = ctx;
    size_t take = size * n < b->left ? size * n : b->left;
    memcpy(p, b->ptr, take);
    b->ptr += take;
    b->left -= take;
    return take;
}

static size_t drop(char *p, size_t size, size_t n, void *ctx)
{
    (void)p;
    (void)ctx;
    return size * n;
}

static size_t keep_location(char *p, size_t size, size_t n, void *ctx)
{
    if (size * n > 12 && strncasecmp(p, "location: ", 10) == 0)
        snprintf(ctx, 1024, "%.*s", (int)(size * n - 12), p + 10);
    return size * n;
}

static long put(const char *method, const char *url, const char *type, const char *body, size_t n,
                char location[1024])
{
    CURL *e = curl_easy_init();
    struct bytes b = { body, n };
    RF_CLEANUP(rf_freep) char *header = rf_xasprintf("Content-Type: %s", type);
    struct curl_slist *list = curl_slist_append(NULL, header);
    list = curl_slist_append(list, "Expect:");
    list = curl_slist_append(list, "X-Test: setup");
    long status = 0;
    curl_easy_setopt(e, CURLOPT_URL, url);
    curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE, (curl_off_t)n);
    curl_easy_setopt(e, CURLOPT_READFUNCTION, give);
    curl_easy_setopt(e, CURLOPT_READDATA, &b);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, keep_location);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, location);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 0L); /* what is put is public */
    curl_easy_setopt(e, CURLOPT_USERPWD, "carrier:canary-secret-1");
    ck_assert_int_eq(curl_easy_perform(e), CURLE_OK);
    curl_easy_getinfo(e, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(list);
    curl_easy_cleanup(e);
    return status;
}

char *test_bytes(unsigned seed, size_t size)
{
    char *p = rf_xmalloc(size + 1);
    uint32_t x = seed * 2654435761u + 1;
    for (size_t i = 0; i < size; i++) {
        x = x * 1664525u + 1013904223u;
        p[i] = (char)(x >> 24);
    }
    p[size] = '\0';
    return p;
}

static void push_blob(struct test_registry *r, const char *repo, const char *bytes, size_t size,
                      struct rf_digest *digest)
{
    char text[RF_DIGEST_TEXT];
    char location[1024] = "";
    RF_CLEANUP(rf_freep)
    char *post =
        rf_xasprintf("%s://%s/v2/%s/blobs/uploads/", r->tls ? "https" : "http", r->name, repo);
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_of(bytes, size), digest);
    ck_assert_int_eq(put("POST", post, "application/octet-stream", "", 0, location), 202);
    RF_CLEANUP(rf_freep)
    char *url =
        rf_xasprintf("%s%s%s%sdigest=%s",
                     location[0] != '/' ? ""
                     : r->tls           ? "https://"
                                        : "http://",
                     location[0] == '/' ? r->name : "", location,
                     strchr(location, '?') != NULL ? "&" : "?", rf_digest_text(digest, text));
    ck_assert_int_eq(put("PUT", url, "application/octet-stream", bytes, size, location), 201);
}

void test_registry_blob(struct test_registry *r, const char *repo, unsigned seed, size_t size,
                        struct rf_digest *digest)
{
    RF_CLEANUP(rf_freep) char *bytes = test_bytes(seed, size);
    push_blob(r, repo, bytes, size, digest);
}

void test_registry_manifest(struct test_registry *r, const char *repo, const char *tag,
                            const char *type, const char *body, struct rf_digest *digest)
{
    char text[RF_DIGEST_TEXT];
    char location[1024] = "";
    struct rf_digest d;
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_str(body), &d);
    RF_CLEANUP(rf_freep)
    char *url = rf_xasprintf("%s://%s/v2/%s/manifests/%s", r->tls ? "https" : "http", r->name, repo,
                             tag != NULL ? tag : rf_digest_text(&d, text));
    ck_assert_int_eq(put("PUT", url, type, body, strlen(body), location), 201);
    if (digest != NULL)
        *digest = d;
}

void test_registry_image_for(struct test_registry *r, const char *repo, const char *tag,
                             const char *architecture, unsigned layers, size_t size,
                             struct rf_digest *digest)
{
    char text[RF_DIGEST_TEXT];
    struct rf_digest d;
    RF_CLEANUP(rf_freep)
    char *config = rf_xasprintf(
        "{\"architecture\":\"%s\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]},\"author\":\"%s\"}",
        architecture, tag);
    RF_CLEANUP(rf_buf_release) struct rf_buf body;
    rf_buf_init(&body, 0);
    push_blob(r, repo, config, strlen(config), &d);
    rf_buf_addf(&body,
                "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_MANIFEST
                "\",\"config\":{\"mediaType\":\"" RF_MT_OCI_CONFIG
                "\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[",
                rf_digest_text(&d, text), strlen(config));
    for (unsigned i = 0; i < layers; i++) {
        test_registry_blob(r, repo, i + (unsigned)size, size, &d);
        rf_buf_addf(&body,
                    "%s{\"mediaType\":\"" RF_MT_OCI_LAYER "\",\"digest\":\"%s\",\"size\":%zu}",
                    i > 0 ? "," : "", rf_digest_text(&d, text), size);
    }
    rf_buf_add_str(&body, "]}");
    test_registry_manifest(r, repo, tag, RF_MT_OCI_MANIFEST, body.ptr, digest);
}

void test_registry_image(struct test_registry *r, const char *repo, const char *tag,
                         unsigned layers, size_t size, struct rf_digest *digest)
{
    test_registry_image_for(r, repo, tag, "amd64", layers, size, digest);
}

void test_registry_index(struct test_registry *r, const char *repo, const char *tag,
                         struct rf_digest *digest)
{
    static const char *const architectures[] = { "amd64", "arm64" };
    RF_CLEANUP(rf_buf_release) struct rf_buf body;
    rf_buf_init(&body, 0);
    rf_buf_add_str(&body,
                   "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_INDEX "\",\"manifests\":[");
    for (unsigned i = 0; i < 2; i++) {
        char text[RF_DIGEST_TEXT];
        struct rf_digest d;
        RF_CLEANUP(rf_descriptor_release) struct rf_descriptor desc = RF_DESCRIPTOR_INIT;
        RF_CLEANUP(rf_freep) char *child = rf_xasprintf("child-%s-%s", tag, architectures[i]);
        test_registry_image_for(r, repo, child, architectures[i], 1, 2000 + i, &d);
        ck_assert_int_eq(rf_place_resolve(r->place, repo, NULL, &d, &desc, NULL), 0);
        rf_buf_addf(
            &body,
            "%s{\"mediaType\":\"" RF_MT_OCI_MANIFEST
            "\",\"digest\":\"%s\",\"size\":%llu,\"platform\":{\"os\":\"linux\",\"architecture\":\"%s\"}}",
            i > 0 ? "," : "", rf_digest_text(&d, text), (unsigned long long)desc.size,
            architectures[i]);
    }
    rf_buf_add_str(&body, "]}");
    test_registry_manifest(r, repo, tag, RF_MT_OCI_INDEX, body.ptr, digest);
}

void test_registry_artifact(struct test_registry *r, const char *repo, const char *tag,
                            const char *type, const struct rf_digest *subject,
                            struct rf_digest *digest)
{
    char text[RF_DIGEST_TEXT], blob[RF_DIGEST_TEXT];
    struct rf_digest d;
    test_registry_blob(r, repo, 77, 50, &d);
    RF_CLEANUP(rf_freep)
    char *refers = subject == NULL
                       ? rf_xstrdup("")
                       : rf_xasprintf(",\"subject\":{\"mediaType\":\"" RF_MT_OCI_MANIFEST
                                      "\",\"size\":1,\"digest\":\"%s\"}",
                                      rf_digest_text(subject, text));
    RF_CLEANUP(rf_freep)
    char *body = rf_xasprintf(
        "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_MANIFEST
        "\",\"artifactType\":\"%s\",\"config\":{\"mediaType\":\"application/x-config\",\"digest\":\"%s\",\"size\":50},"
        "\"layers\":[]%s}",
        type, rf_digest_text(&d, blob), refers);
    test_registry_manifest(r, repo, tag, RF_MT_OCI_MANIFEST, body, digest);
}
