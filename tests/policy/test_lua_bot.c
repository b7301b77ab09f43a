/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/bot/bot_calls.h"

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "policy/lua/lua_image.h"
#include "tests/regclient/helper_registry.h"

/*
 * Scripts against the scripted registry and a layout. They look after their own results: REG and DIR name the two places, same(a, b) wants equal
 * values, fails(text, function, ...) an error with that text in it.
 */
static const char prelude[] =
    "function fails(text, f, ...)"
    "  local ok, why = pcall(f, ...)"
    "  if ok then error('no error: ' .. text, 2) end"
    "  if not string.find(tostring(why), text, 1, true) then error(why, 2) end"
    " end "
    "function same(a, b) if a ~= b then error(tostring(a) .. ' is not ' .. tostring(b), 2) end end "
    "function count(f) local n = 0; for _ in f do n = n + 1 end return n end\n";

static struct test_registry *registry;
static struct rf_bot_options options;
static struct rf_bot_calls *calls;
static struct rf_lua_box *box;
static struct rf_client *client;
static struct rf_buf printed;
static struct rf_err err;
static char folder[64];
static uint64_t slept;
static atomic_bool stop;

static void take_print(void *ctx, struct rf_slice text)
{
    (void)ctx;
    rf_buf_add(&printed, text.ptr, text.len);
    rf_buf_add_char(&printed, '\n');
}

static int short_sleep(uint64_t ms, struct rf_err *e)
{
    (void)e;
    slept += ms;
    (void)usleep((useconds_t)(ms < 20 ? ms * 1000 : 20000));
    return 0;
}

static void set_up_with(const char *profile)
{
    registry = test_registry_start(profile, NULL);
    (void)snprintf(folder, sizeof(folder), "/tmp/rf-test-bot-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    err = (struct rf_err)RF_ERR_INIT;
    rf_buf_init(&printed, 0);
    rf_cancel_reset();
    slept = 0;
    atomic_store(&stop, false);
    struct rf_hosts *hosts = rf_hosts_new();
    RF_CLEANUP(rf_freep) char *flag = rf_xasprintf("reg=%s,tls=disabled", registry->name);
    ck_assert_int_eq(rf_hosts_add_flag(hosts, flag, NULL), 0);
    ck_assert_int_eq(rf_client_new(hosts, NULL, &client, NULL), 0);
    options = (struct rf_bot_options){ .client = client,
                                       .script = "sample",
                                       .stop = &stop,
                                       .print = take_print,
                                       .sleep = short_sleep };
}

static void set_up(void)
{
    set_up_with("plain");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static void tear_down(void)
{
    rf_lua_box_closep(&box);
    rf_bot_calls_freep(&calls);
    rf_client_freep(&client);
    test_registry_stopp(&registry);
    rf_buf_release(&printed);
    ck_assert_int_eq(nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static int run(const char *text)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf script;
    struct rf_lua_box_options o = { .name = "sample", .timeout_ns = INT64_C(20000000000) };
    rf_lua_box_closep(&box);
    rf_bot_calls_freep(&calls);
    calls = rf_bot_calls_new(&options);
    o.host = rf_bot_calls_host(calls);
    o.api = "regbot";
    ck_assert_msg(rf_lua_box_open(&o, &box, &err) == 0, "%s", err.msg);
    rf_buf_init(&script, 0);
    rf_buf_addf(&script, "REG = \"%s\" DIR = \"ocidir://%s/layout\" FOLDER = \"%s\" ",
                registry->name, folder, folder);
    rf_buf_add_str(&script, prelude);
    rf_buf_add_str(&script, text);
    return rf_lua_box_run(box, "<string>", rf_buf_slice(&script), &err);
}

static void good(const char *text)
{
    int rc = run(text);
    ck_assert_msg(rc == 0, "%s\n%s", err.msg, rf_lua_box_traceback(box));
}

static uint64_t done(enum rf_bot_kind kind)
{
    return rf_bot_calls_counts(calls)->done[kind];
}

/* An image with labels, and a date, under `tag`. */
static void labelled(const char *repo, const char *tag, struct rf_digest *digest)
{
    static const char config[] =
        "{\"created\":\"2024-05-06T07:08:09.5Z\",\"architecture\":\"arm64\",\"os\":\"linux\","
        "\"config\":{\"Labels\":{\"team\":\"blue\"},\"ExposedPorts\":{\"80/tcp\":{}},\"Cmd\":[\"/x\"]},"
        "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]},\"history\":[{\"created_by\":\"hand\"}]}";
    struct rf_place *place;
    struct rf_digest d;
    char text[RF_DIGEST_TEXT];
    RF_CLEANUP(rf_source_freep) struct rf_source *src = rf_source_mem(rf_slice_str(config));
    ck_assert_int_eq(rf_client_registry(client, registry->name, &place, &err), 0);
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_str(config), &d);
    ck_assert_int_eq(rf_place_put_blob(place, repo, &d, strlen(config), src, &err), 0);
    RF_CLEANUP(rf_freep)
    char *body = rf_xasprintf(
        "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":{\"mediaType\":\"%s\",\"digest\":\"%s\","
        "\"size\":%zu},\"layers\":[],\"annotations\":{\"org.opencontainers.image.source\":\"here\"}}",
        RF_MT_OCI_MANIFEST, RF_MT_OCI_CONFIG, rf_digest_text(&d, text), strlen(config));
    test_registry_manifest(registry, repo, tag, RF_MT_OCI_MANIFEST, body, digest);
}

/* ---- references ---- */

START_TEST(references)
{
    good(
        "local r = reference.new('alpine')\n"
        "same(tostring(r), 'docker.io/library/alpine:latest')\n"
        "same(r.Reference, 'alpine') same(r.Registry, 'docker.io') same(r.Repository, 'library/alpine')\n"
        "same(r.Scheme, 'reg') same(r.Digest, '') same(r:tag(), 'latest') same(r.CommonName, tostring(r))\n"
        "local d = 'sha256:' .. string.rep('a', 64)\n"
        "r:digest(d) same(r:digest(), d) same(r:tag(), '')\n"
        "same(r.Reference, 'docker.io/library/alpine@' .. d)\n"
        "r:tag('3.20') same(r:digest(), '') same('x ' .. r, 'x docker.io/library/alpine:3.20')\n"
        "same(reference.new(r), r) assert(reference.new(r) ~= reference.new('busybox'))\n"
        "same(type(r), 'userdata')\n"
        "local l = reference.new('ocidir:///a/b') same(tostring(l), 'ocidir:///a/b') same(l.Path, '/a/b')\n"
        "same(l.Scheme, 'ocidir') r:close() reference.close(l)\n"
        "fails('invalid reference \"a b\"', reference.new, 'a b')\n"
        "fails('repo must be lowercase', reference.new, 'docker.io/Ab')\n"
        "fails('reference expected', reference.new, 5 and {})\n"
        "fails('invalid tag', r.tag, r, 'a b') fails('invalid digest', r.digest, r, 'sha256:1')\n"
        "fails('read-only', function() r.Tag = 'x' end)\n"
        "fails('reference expected', reference.new, string.rep('a', 9000) and nil)\n"
        "fails('not a reference', reference.new, string.rep('a', 9000))\n"
        "fails('not a reference', reference.new, 'a\\0b')\n"
        "same(require('reference'), reference)\n");
    ck_assert_uint_eq(rf_bot_calls_counts(calls)->failed, 0);
}
END_TEST

/* ---- lists ---- */

START_TEST(lists)
{
    struct rf_digest d;
    const char *const tags[] = { "v1", "v2", "v10", "latest", "rc-1" };
    for (size_t i = 0; i < RF_ARRAY_LEN(tags); i++)
        test_registry_image(registry, "team/app", tags[i], 1, 30, &d);
    test_registry_image(registry, "team/other", "x", 1, 30, &d);
    good(
        "local t = tag.ls(REG .. '/team/app') same(#t, 5) table.sort(t) same(t[1], 'latest')\n"
        "same(#tag.ls(REG .. '/team/app', {limit = 2}), 2)\n"
        "same(#tag.ls(reference.new(REG .. '/team/app'), {include = 'v[0-9]+'}), 3)\n"
        "same(#tag.ls(REG .. '/team/app', {include = {'v.*', 'rc.*'}, exclude = 'v10'}), 3)\n"
        "same(tag.ls(REG .. '/team/app', {last = 'v1'})[1], 'v10')\n"
        "same(count(tag.each(REG .. '/team/app')), 5)\n"
        "same(count(tag.each(REG .. '/team/app', {page = 2})), 5)\n"
        "same(count(tag.each(REG .. '/team/app', {page = 1, exclude = 'v.*'})), 2)\n"
        "local r = repo.ls(REG) same(#r, 2) same(r[1], 'team/app') same(r[2], 'team/other')\n"
        "same(#repo.ls(REG, {limit = 1}), 1) same(repo.ls(REG, {last = 'team/app'})[1], 'team/other')\n"
        "same(count(repo.each(REG, {page = 1})), 2)\n"
        "same(repo.exists(REG .. '/team/app'), true) same(repo.exists(REG .. '/team/none'), false)\n"
        "same(repo.exists(DIR), false)\n"
        "fails('Failed retrieving tag list: ', tag.ls, REG .. '/none')\n"
        "fails('Failed retrieving tag list: ', tag.each(REG .. '/none'))\n"
        "fails('Failed retrieving repo list: ', repo.ls, REG .. '/team')\n"
        "fails('table expected', tag.ls, REG .. '/team/app', 5)\n"
        "fails(\"bad argument #1 to 'tag.ls' (reference expected)\", tag.ls)\n"
        "fails('bad argument #1', repo.ls)\n"
        "fails('string or a list', tag.ls, REG .. '/team/app', {include = 5})\n"
        "fails('(', tag.ls, REG .. '/team/app', {include = '('})\n");
}
END_TEST

START_TEST(lists_of_a_layout)
{
    struct rf_digest d;
    test_registry_image(registry, "team/app", "v1", 1, 30, &d);
    good("for i = 1, 5 do image.copy(REG .. '/team/app:v1', DIR .. ':t' .. i) end\n"
         "same(table.concat(tag.ls(DIR), ' '), 't1 t2 t3 t4 t5')\n"
         "same(count(tag.each(DIR, {page = 2})), 5) same(repo.exists(DIR), true)\n"
         "same(count(tag.each(DIR, {page = 2, include = 't[24]'})), 2)\n");
    ck_assert_uint_eq(done(RF_BOT_IMAGE_COPY), 5);
}
END_TEST

/* A registry whose pages are shorter than what is asked for says where it goes on. */
START_TEST(pages_of_the_registry)
{
    struct rf_digest d;
    tear_down();
    set_up_with("paged-2");
    for (int i = 0; i < 7; i++) {
        char tag[16];
        (void)snprintf(tag, sizeof(tag), "t%d", i);
        test_registry_image(registry, "a", tag, 1, 30, &d);
    }
    good("same(count(tag.each(REG .. '/a', {page = 5})), 7) same(#tag.ls(REG .. '/a'), 7)\n");
}
END_TEST

/* ---- manifests ---- */

START_TEST(manifests)
{
    struct rf_digest d, index;
    char text[RF_DIGEST_TEXT];
    test_registry_image(registry, "a", "v1", 2, 300, &d);
    test_registry_index(registry, "a", "multi", &index);
    good(
        "local m = manifest.get(REG .. '/a:v1')\n"
        "same(#m.layers, 2) same(m.Layers, m.layers) same(m.layers[1].Digest, m.layers[1].digest)\n"
        "same(m.layers[1].size, 300) same(m.layers[1].MediaType, m.layers[1].mediaType)\n"
        "same(math.type(m.layers[1].size), 'integer') same(m.layers[1].artifactType, '')\n"
        "same(m.MediaType, m.mediaType) same(m.schemaVersion, 2) same(m.Versioned.SchemaVersion, 2)\n"
        "same(type(m.annotations), 'table') same(next(m.annotations), nil) same(m.subject, nil)\n"
        "same(m.config.digest, m.Config.Digest) same(m:config().digest, m.config.digest)\n"
        "same(image.config(m).digest, m.config.digest) same(m.layers[1].platform, nil)\n"
        "fails('read-only', function() m.layers = {} end) fails('', function() return #m end)\n"
        "fails('', function() for _ in pairs(m) do end end) same(type(m), 'userdata')\n"
        "local h = manifest.head(REG .. '/a:v1') same(h.digest, m.digest) same(#h.layers, 0)\n"
        "same(h.size, m.size) same(h.mediaType, m.mediaType) same(tostring(h), m.digest)\n"
        "same(m:head().digest, m.digest) same(m:get().digest, m.digest) same(h:get().digest, m.digest)\n"
        "same(m:descriptor().digest, m.digest) same(manifest.descriptor(REG .. '/a:v1').Size, m.size)\n"
        "assert(tostring(m):find('{\\n  \"', 1, true) == 1) same(tostring(reference.new(m)), REG .. '/a:v1')\n"
        "same(image.manifest(REG .. '/a:v1').digest, m.digest) same(image.manifestHead(m).digest, m.digest)\n"
        "local l = image.manifestList(REG .. '/a:multi') same(#l.manifests, 2) same(l.digest, manifest.getList(REG .. '/a:multi').digest)\n"
        "same(l.manifests[1].platform.os, 'linux') same(l.manifests[2].Platform.Architecture, 'arm64')\n"
        "same(tostring(l.manifests[2].platform), 'linux/arm64') same(l.manifests[1].platform['os.version'], '')\n"
        "same(l.manifests[1].platform.OSVersion, '') same(l.layers, nil) \n"
        "local a = manifest.get(REG .. '/a:multi', 'linux/arm64') same(a.digest, l.manifests[2].digest)\n"
        "fails('Failed retrieving \"' .. REG .. '/a:multi\" manifest: platform not found: ', manifest.get, REG .. '/a:multi', 'linux/mips')\n"
        "fails('manifest pull failed: ', manifest.get, REG .. '/a:none')\n"
        "fails('Failed retrieving \"' .. REG .. '/a:none\" manifest: ', manifest.head, REG .. '/a:none')\n"
        "fails('reference expected', manifest.get, 5) fails('manifest expected', manifest.delete, REG .. '/a:v1')\n"
        "fails('manifest expected', manifest.put, 'x', REG .. '/a:v1')\n"
        "local r = m:ratelimit() same(r.Set, false) same(r.Remain, 0)\n"
        "assert(m:ratelimitWait(50))\n"
        "print(l.digest)\n");
    ck_assert(strncmp(printed.ptr, rf_digest_text(&index, text), strlen(text)) == 0);
}
END_TEST

START_TEST(manifests_change_by_export)
{
    struct rf_digest d;
    test_registry_image(registry, "a", "v1", 2, 300, &d);
    good(
        "local m = manifest.get(REG .. '/a:v1')\n"
        "same(m:export().digest, m.digest)\n"
        "same(type(m.annotations), 'table') same(m.layers[1].urls[1], nil) same(m:export().digest, m.digest)\n"
        "m.annotations['org.x'] = 'y' m.layers[1].annotations.k = 'v' table.remove(m.layers, 2)\n"
        "local e = m:export() assert(e.digest ~= m.digest) same(e.annotations['org.x'], 'y') same(#e.layers, 1)\n"
        "same(e.layers[1].Annotations.k, 'v') same(e.schemaVersion, 2)\n"
        "assert(not tostring(e):find('urls')) \n"
        "e:put(REG .. '/a:v2') same(manifest.head(REG .. '/a:v2').digest, e.digest)\n"
        "manifest.put(m, REG .. '/a:v3') same(manifest.head(REG .. '/a:v3').digest, m.digest)\n"
        "fails('the manifest has ', m.put, m, REG .. '/a@' .. e.digest)\n"
        "fails('get it first', m.put, manifest.head(REG .. '/a:v1'), REG .. '/a:v4')\n"
        "m.layers[1].size = -1 fails('Failed exporting the manifest: ', m.export, m)\n"
        "manifest.get(REG .. '/a:v2'):delete() fails('', manifest.head, REG .. '/a:v2')\n");
    ck_assert_uint_eq(done(RF_BOT_MANIFEST_PUT), 2);
    ck_assert_uint_eq(done(RF_BOT_MANIFEST_DELETE), 1);
}
END_TEST

/* ---- images ---- */

START_TEST(images)
{
    struct rf_digest d, index, artifact;
    labelled("a", "v1", &d);
    test_registry_index(registry, "a", "multi", &index);
    test_registry_artifact(registry, "a", "sig", "application/x.sig", &d, &artifact);
    good(
        "local c = image.config(REG .. '/a:v1')\n"
        "same(c.Config.Labels.team, 'blue') same(c.config.Labels['team'], 'blue') same(c.Config.Labels.none, nil)\n"
        "same(c.Platform.OS, 'linux') same(c.OS, 'linux') same(c.architecture, 'arm64') same(c.Platform.Architecture, 'arm64')\n"
        "same(c.created, '2024-05-06 07:08:09.5 +0000 UTC') same(c.Created, c.created)\n"
        "same(c.RootFS.DiffIDs, c.rootfs.diff_ids) same(c.History[1].CreatedBy, 'hand') same(c.history[1].created_by, 'hand')\n"
        "assert(c.Config.ExposedPorts['80/tcp']) same(c.Config.Cmd[1], '/x') same(c.Config.User, '')\n"
        "fails('read-only', function() c.Config = {} end)\n"
        "same(c:export().digest, c.digest) c.Config.Labels.team = 'red' c.Config.Env = {'A=b'}\n"
        "local e = c:export() assert(e.digest ~= c.digest) same(e.Config.Labels.team, 'red') same(e.Config.Env[1], 'A=b')\n"
        "same(e.created, c.created) assert(tostring(e):find('\"80/tcp\": {}', 1, true))\n"
        "assert(tostring(e):find('2024-05-06T07:08:09.5Z', 1, true))\n"
        "local digest, size = blob.put(REG .. '/a', e) same(digest, e.digest) same(size, e.size)\n"
        "same(image.created(REG .. '/a:v1'), 1714979289) same(image.created(manifest.get(REG .. '/a:v1')), 1714979289)\n"
        "same(table.concat(image.platforms(REG .. '/a:v1'), ' '), 'linux/arm64')\n"
        "same(table.concat(image.platforms(REG .. '/a:multi'), ' '), 'linux/amd64 linux/arm64')\n"
        "local r = referrer.ls(REG .. '/a:v1') same(#r, 1) same(r[1].ArtifactType, 'application/x.sig')\n"
        "same(#referrer.ls(REG .. '/a:v1', {artifactType = 'none'}), 0)\n"
        "local i = image.get(REG .. '/a:v1', {referrers = true})\n"
        "same(i.name, REG .. '/a') same(i.tag, 'v1') same(i.digest, manifest.head(i).digest) same(i.labels.team, 'blue')\n"
        "same(i.annotations['org.opencontainers.image.source'], 'here') same(i.created, 1714979289)\n"
        "same(i.platform, 'linux/arm64') same(#i.platforms, 1) same(#i.referrers, 1) same(i.manifest.digest, i.digest)\n"
        "same(i.config.OS, 'linux') same(image.config(i), i.config) same(image.created(i), i.created)\n"
        "assert(i.size > 400) same(tostring(i), REG .. '/a:v1')\n"
        "local x = image.get(REG .. '/a:multi') same(x.size, nil) same(#x.platforms, 2) same(#x.referrers, 0)\n"
        "fails('Failed retrieving', image.config, REG .. '/a:none') fails('reference expected', image.config)\n"
        "fails('Failed retrieving', image.config, REG .. '/a:sig')\n");
}
END_TEST

START_TEST(copies)
{
    struct rf_digest d, index, sig;
    test_registry_image(registry, "a", "v1", 2, 300, &d);
    test_registry_index(registry, "a", "multi", &index);
    test_registry_artifact(registry, "a", "sig", "application/x.sig", &d, &sig);
    good(
        "image.copy(REG .. '/a:v1', REG .. '/b:v1') same(manifest.head(REG .. '/b:v1').digest, manifest.head(REG .. '/a:v1').digest)\n"
        "image.copy(REG .. '/a:v1', REG .. '/c:v1', {referrers = true}) same(#referrer.ls(REG .. '/c:v1'), 1)\n"
        "image.copy(REG .. '/a:multi', DIR .. ':multi', {platforms = {'linux/arm64'}})\n"
        "fails('', manifest.get, DIR .. ':multi', 'linux/amd64') assert(manifest.get(DIR .. ':multi', 'linux/arm64'))\n"
        "image.copy(DIR .. ':multi', DIR .. ':two', {digestTags = true, forceRecursive = false, includeExternal = true, platforms = {'linux/arm64'}})\n"
        "tag.copy(REG .. '/a:v1', 'v2') tag.copy(REG .. '/a:v1', REG .. '/a:v3') same(#tag.ls(REG .. '/a', {include = 'v.*'}), 3)\n"
        "fails('image.copy() copies to there', tag.copy, REG .. '/a:v1', REG .. '/z:v3')\n"
        "image.exportTar(REG .. '/a:v1', FOLDER .. '/a.tar') image.importTar(REG .. '/d:v1', FOLDER .. '/a.tar')\n"
        "same(manifest.head(REG .. '/d:v1').digest, manifest.head(REG .. '/a:v1').digest)\n"
        "tag.delete(REG .. '/a:v2') fails('', manifest.head, REG .. '/a:v2') assert(manifest.head(REG .. '/a:v1'))\n"
        "fails('Failed copying \"' .. REG .. '/a:none\" to \"' .. REG .. '/b:x\": ', image.copy, REG .. '/a:none', REG .. '/b:x')\n"
        "fails('Failed importing image', image.importTar, REG .. '/d:v1', FOLDER .. '/none.tar')\n"
        "fails('Failed exporting image', image.exportTar, REG .. '/d:v1', FOLDER .. '/no/folder.tar')\n"
        "fails('tag missing', tag.delete, REG .. '/a@' .. manifest.head(REG .. '/a:v1').digest)\n"
        "fails('platform', image.copy, REG .. '/a:v1', REG .. '/b:v1', {platforms = {'a/b/c/d/e'}})\n"
        "reference.close(DIR)\n");
    ck_assert_uint_eq(done(RF_BOT_IMAGE_COPY), 4);
    ck_assert_uint_eq(done(RF_BOT_TAG_COPY), 2);
    ck_assert_uint_eq(done(RF_BOT_TAG_DELETE), 1);
    ck_assert_uint_eq(done(RF_BOT_IMAGE_IMPORT), 1);
    ck_assert_uint_eq(done(RF_BOT_IMAGE_EXPORT), 1);
}
END_TEST

/* ---- blobs ---- */

START_TEST(blobs)
{
    struct rf_digest d;
    test_registry_image(registry, "a", "v1", 1, 300, &d);
    good(
        "local m = manifest.get(REG .. '/a:v1') local b = blob.get(REG .. '/a', m.layers[1].digest)\n"
        "same(b.digest, m.layers[1].digest) same(b.size, 300) same(#b:read(), 300) same(tostring(b), b.digest)\n"
        "same(blob.head(REG .. '/a', b.digest).Size, 300) same(b:descriptor().size, 300)\n"
        "same(blob.get(REG .. '/a@' .. b.digest).size, 300)\n"
        "local digest, size = blob.put(REG .. '/b', b) same(digest, b.digest) same(size, 300)\n"
        "same(blob.get(REG .. '/b', digest):read(), b:read())\n"
        "digest, size = blob.put(REG .. '/b', 'hello\\0\\255') same(size, 7) same(blob.get(REG .. '/b', digest):read(), 'hello\\0\\255')\n"
        "digest, size = blob.put(reference.new(REG .. '/b'), '') same(size, 0)\n"
        "digest = blob.put(DIR, 'in a layout') same(blob.get(DIR, digest):read(), 'in a layout')\n"
        "fails('string, blob or config expected', blob.put, REG .. '/b') fails('no digest', blob.get, REG .. '/a')\n"
        "fails('blob', blob.get, REG .. '/a', 'sha256:' .. string.rep('0', 64)) fails('', blob.get, REG .. '/a', 'x')\n"
        "blob.delete(REG .. '/b', b.digest)\n");
    ck_assert_uint_eq(done(RF_BOT_BLOB_PUT), 4);
    ck_assert_uint_eq(done(RF_BOT_BLOB_DELETE), 1);
}
END_TEST

/* Blobs that nothing names yet stay until the script is done with the layout. */
START_TEST(layouts_are_cleaned_when_closed)
{
    good(
        "local d = blob.put(DIR, 'one') assert(blob.get(DIR, d)) blob.put(DIR, 'two') assert(blob.get(DIR, d))\n"
        "reference.close(DIR) fails('', blob.get, DIR, d) d = blob.put(DIR, 'three') print(d:sub(8))\n");
    RF_CLEANUP(rf_freep)
    char *blob = rf_xasprintf("%s/layout/blobs/sha256/%.64s", folder, printed.ptr);
    ck_assert(rf_path_exists(blob));
    rf_lua_box_closep(&box);
    rf_bot_calls_freep(&calls);
    ck_assert(!rf_path_exists(blob));
}
END_TEST

/* ---- dry run ---- */

START_TEST(dry_run_writes_nothing)
{
    struct rf_digest d;
    struct rf_bot_counts sum = { .calls = 0 };
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, 0);
    test_registry_image(registry, "a", "v1", 2, 300, &d);
    options.dry_run = true;
    test_registry_forget(registry);
    good(
        "local m = manifest.get(REG .. '/a:v1')\n"
        "tag.delete(REG .. '/a:v1') m:delete() manifest.delete(m) blob.delete(REG .. '/a', m.config.digest)\n"
        "m:put(REG .. '/a:v9') manifest.put(m, DIR .. ':x') image.copy(REG .. '/a:v1', REG .. '/b:v1') image.copy(m, DIR .. ':v1')\n"
        "tag.copy(m, 'v2') image.exportTar(m, FOLDER .. '/a.tar') image.importTar(REG .. '/c', FOLDER .. '/none.tar')\n"
        "local digest, size = blob.put(REG .. '/a', 'text') same(size, 4) assert(digest:find('sha256:'))\n"
        "digest, size = blob.put(REG .. '/b', blob.get(REG .. '/a', m.layers[1].digest)) same(size, 300)\n"
        "reference.close(DIR) assert(manifest.head(REG .. '/a:v1')) same(repo.exists(REG .. '/b'), false)\n"
        "fails('invalid reference', image.copy, m, 'A B')\n");
    ck_assert_uint_eq(test_registry_count(registry, NULL, "PUT *"), 0);
    ck_assert_uint_eq(test_registry_count(registry, NULL, "POST *"), 0);
    ck_assert_uint_eq(test_registry_count(registry, NULL, "PATCH *"), 0);
    ck_assert_uint_eq(test_registry_count(registry, NULL, "DELETE *"), 0);
    RF_CLEANUP(rf_freep) char *layout = rf_xasprintf("%s/layout", folder);
    RF_CLEANUP(rf_freep) char *tar = rf_xasprintf("%s/a.tar", folder);
    ck_assert(!rf_path_exists(layout) && !rf_path_exists(tar));
    rf_bot_counts_add(&sum, rf_bot_calls_counts(calls));
    rf_bot_counts_text(&sum, &text);
    ck_assert_str_eq(
        text.ptr, "1 tag deleted, 2 manifests deleted, 1 blob deleted, 2 manifests put, "
                  "2 blobs put, 2 images copied, 1 tag copied, 1 image imported, 1 image exported");
    ck_assert_uint_eq(sum.failed, 1);
    ck_assert_str_eq(rf_bot_kind_key(RF_BOT_TAG_DELETE), "tagsDeleted");
    rf_buf_clear(&text);
    rf_bot_counts_text(&(struct rf_bot_counts){ .calls = 3 }, &text);
    ck_assert_str_eq(text.ptr, "nothing");
}
END_TEST

/* ---- rate limits ---- */

static const char limited[] =
    "{\"about\":\"a rate limit\",\"rules\":[{\"match\":{\"method\":\"HEAD\",\"count\":%d},\"action\":{\"type\":\"headers\","
    "\"set\":{\"RateLimit-Remaining\":\"5;w=60\",\"RateLimit-Limit\":\"100;w=60\"}}}]}";

START_TEST(rate_limits)
{
    struct rf_digest d;
    RF_CLEANUP(rf_freep) char *profile = rf_xasprintf(limited, 4);
    tear_down();
    set_up_with(profile);
    test_registry_image(registry, "a", "v1", 1, 30, &d);
    good(
        "local r = manifest.head(REG .. '/a:v1'):ratelimit() same(r.Set, true) same(r.Remain, 5) same(r.Limit, 100)\n"
        "same(r.Policies[1], '100;w=60')\n"
        "same(image.ratelimitWait(REG .. '/a:v1', 5), true)\n"
        "same(image.rateLimitWait(REG .. '/a:v1', 50, '15ms'), true)\n"
        "fails('bad argument #3', image.ratelimitWait, REG .. '/a:v1', 50, 'soon')\n"
        "fails('bad argument #2', image.ratelimitWait, REG .. '/a:v1', 'many')\n");
    ck_assert_uint_ge(slept, 15);
}
END_TEST

START_TEST(rate_limits_that_do_not_end)
{
    struct rf_digest d;
    RF_CLEANUP(rf_freep) char *profile = rf_xasprintf(limited, 0);
    tear_down();
    set_up_with(profile);
    test_registry_image(registry, "a", "v1", 1, 30, &d);
    good("same(image.ratelimitWait(REG .. '/a:v1', 50, '400ms', '500ms'), false)\n"
         "same(image.ratelimitWait(REG .. '/a:v1', 50, '10ms', '0s'), false)\n");
    /* What the look itself took is no waiting. */
    ck_assert_uint_ge(rf_bot_calls_counts(calls)->waited_ms, 100);
}
END_TEST

/* ---- being stopped, and being lied to ---- */

START_TEST(stopped)
{
    atomic_store(&stop, true);
    good("fails('Context error: context canceled', tag.ls, REG .. '/a')\n");
    ck_assert_uint_eq(rf_bot_calls_counts(calls)->failed, 1);
}
END_TEST

static const struct {
    const char *function, *args, *text;
} lies[] = {
    { "nothing", "[]", "there is no function nothing" },
    { "tag.ls", "[5]", "bad argument #1 (reference expected)" },
    { "tag.ls", "[\"a\\u0000b\"]", "bad argument #1 (reference expected)" },
    { "tag.ls", "[{\"ref\":5}]", "bad argument #1 (reference expected)" },
    { "tag.ls", "[\"127.0.0.1:1/a\",\"b\"]", "bad argument #2 (a table of options expected)" },
    { "tag.delete", "[]", "bad argument #1 (reference expected)" },
    { "manifest.put", "[{\"body\":\"{}\"},\"a\"]", "bad argument #1 (manifest expected)" },
    { "manifest.put", "[{},\"a\"]", "get it first" },
    { "manifest.delete", "[{\"ref\":\"127.0.0.1:1/a\"}]", "the manifest has no digest" },
    { "manifest.delete", "[{\"ref\":\"127.0.0.1:1/a\",\"digest\":\"x\"}]", "digest" },
    { "blob.put", "[\"127.0.0.1:1/a\",{\"ref\":\"b\"}]", "bad argument #2" },
    { "blob.get", "[\"127.0.0.1:1/a\",7]", "bad argument #2 (string expected)" },
    { "image.exportTar", "[\"127.0.0.1:1/a\",{}]", "bad argument #2 (string expected)" },
    { "manifest.export", "[{},{}]", "Failed exporting the manifest" },
    { "manifest.export", "[null,null]", "Failed exporting the manifest" },
    { "config.export", "[{\"body\":\"[]\"},[1]]", "Failed exporting the config" },
    { "repo.page", "[\"h/x\"]", "Failed retrieving repo list" },
    { "image.copy", "[\"127.0.0.1:1/a\",\"127.0.0.1:1/b\",{\"platforms\":[7]}]",
      "list of strings" },
};

START_TEST(lies_of_the_child)
{
    RF_CLEANUP(rf_json_decrefp) json_t *args = NULL;
    json_t *result = NULL;
    ck_assert_int_eq(rf_json_parse(rf_slice_str(lies[_i].args), 4096, &args, &err), 0);
    calls = rf_bot_calls_new(&options);
    const struct rf_lua_host *host = rf_bot_calls_host(calls);
    int rc = host->call(host->user, "<string>:1", lies[_i].function, args, &result, &err);
    ck_assert_int_lt(rc, 0);
    ck_assert_ptr_null(result);
    ck_assert_msg(strstr(err.msg, lies[_i].text) != NULL, "%s %s: %s", lies[_i].function,
                  lies[_i].args, err.msg);
}
END_TEST

/* Thousands of objects are the script's memory, and nobody else's. */
START_TEST(many_objects)
{
    struct rf_digest d;
    test_registry_image(registry, "a", "v1", 1, 30, &d);
    good("local m = manifest.get(REG .. '/a:v1') for i = 1, 3000 do m:export() end\n");
    ck_assert_uint_lt(rf_lua_box_memory(box), 64u << 20);
}
END_TEST

/* ---- the image of policies ---- */

static const char policy[] =
    "function keep(i, more)\n"
    "  assert(manifest == nil and tag == nil and blob == nil and image.copy == nil)\n"
    "  assert(i.name == 'app' and i.tag == '1' and i.labels.team == 'blue' and more == 'x')\n"
    "  assert(i.config.Config.Labels.team == 'blue' and i.annotations.a == 'b')\n"
    "  assert(i.created == 1714979289 and image.created(i) == i.created)\n"
    "  assert(i.platforms[1] == 'linux/arm64' and i.platform == 'linux/arm64')\n"
    "  assert(#i.manifest.layers == 0 and i.manifest:descriptor().digest == i.digest)\n"
    "  assert(i.manifest.config.digest == i.config.digest)\n"
    "  assert(i.size > 100 and i.referrers[1].artifactType == 'x/y')\n"
    "  assert(reference.new(i.ref):tag() == '1')\n"
    "  return i.digest\n"
    "end\n";

START_TEST(policies_see_the_image)
{
    static const char config[] =
        "{\"created\":\"2024-05-06T07:08:09Z\",\"architecture\":\"arm64\",\"os\":\"linux\","
        "\"config\":{\"Labels\":{\"team\":\"blue\"}},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}";
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    RF_CLEANUP(rf_json_decrefp) json_t *args = NULL;
    RF_CLEANUP(rf_json_decrefp) json_t *result = NULL;
    struct rf_digest d;
    char text[RF_DIGEST_TEXT];
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_str(config), &d);
    RF_CLEANUP(rf_freep)
    char *body = rf_xasprintf(
        "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":{\"mediaType\":\"%s\",\"digest\":\"%s\","
        "\"size\":%zu},\"layers\":[],\"annotations\":{\"a\":\"b\"}}",
        RF_MT_OCI_MANIFEST, RF_MT_OCI_CONFIG, rf_digest_text(&d, text), strlen(config));
    ck_assert_int_eq(rf_manifest_parse(rf_slice_str(body), NULL, &m, &err), 0);
    struct rf_descriptor referrer = {
        .media_type = RF_MT_OCI_MANIFEST, .digest = d, .size = 5, .artifact_type = "x/y"
    };
    const struct rf_lua_image image = { .name = "app",
                                        .tag = "1",
                                        .manifest = m,
                                        .config = rf_slice_str(config),
                                        .referrers = &referrer,
                                        .n_referrers = 1 };
    struct rf_lua_box_options o = { .name = "policy", .api = "policy" };
    ck_assert_msg(rf_lua_box_open(&o, &box, &err) == 0, "%s", err.msg);
    ck_assert_msg(rf_lua_box_run(box, "<string>", rf_slice_str(policy), &err) == 0, "%s", err.msg);
    args = json_pack("[o, s]", rf_lua_image_argument(&image), "x");
    ck_assert_msg(rf_lua_box_call(box, "keep", args, &result, &err) == 0, "%s", err.msg);
    ck_assert_str_eq(json_string_value(result), rf_digest_text(&m->digest, text));
}
END_TEST

Suite *rf_lua_bot_suite(void);
Suite *rf_lua_bot_suite(void)
{
    Suite *s = suite_create("lua_bot");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, references);
    tcase_add_test(t, lists);
    tcase_add_test(t, lists_of_a_layout);
    tcase_add_test(t, pages_of_the_registry);
    tcase_add_test(t, manifests);
    tcase_add_test(t, manifests_change_by_export);
    tcase_add_test(t, images);
    tcase_add_test(t, copies);
    tcase_add_test(t, blobs);
    tcase_add_test(t, layouts_are_cleaned_when_closed);
    tcase_add_test(t, dry_run_writes_nothing);
    tcase_add_test(t, rate_limits);
    tcase_add_test(t, rate_limits_that_do_not_end);
    tcase_add_test(t, stopped);
    tcase_add_loop_test(t, lies_of_the_child, 0, (int)RF_ARRAY_LEN(lies));
    tcase_add_test(t, many_objects);
    tcase_add_test(t, policies_see_the_image);
    suite_add_tcase(s, t);
    return s;
}
