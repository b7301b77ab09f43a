/* SPDX-License-Identifier: Apache-2.0 */
#include "import/forecast.h"

#include "base/cancel.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "base/text.h"
#include "import/ahead.h"
#include "import/apply.h"
#include "import/lists.h"
#include "import/tags.h"
#include "regclient/registry.h"

#define NO_ROOM SIZE_MAX

/* Layouts, and where the receipt goes. */
static const struct rf_room_use named = {
    .note = "",
    .file = "a blob",
    .more = "make room there, or name another folder",
    .larger = "name a folder on another file system, such as exFAT or ext4",
};
static const struct rf_room_use memory = {
    .note = " (what is remembered of imports)",
    .file = "what is remembered",
    .more = "make room, or keep the state elsewhere (--state DIR)",
    .larger = "keep the state elsewhere (--state DIR)",
};

/* Requests to a registry: asking for a blob; an upload in one piece; a mount and reading a byte of what was mounted. */
#define ASK_REQUESTS 1u
#define UPLOAD_REQUESTS 2u
#define MOUNT_REQUESTS 2u
/* A manifest is put, and got by digest; under a tag it is got by tag as well. */
#define PUT_REQUESTS 1u
#define READ_BACK_REQUESTS 1u

struct looking {
    struct rf_import_run *r;
    uint32_t *list; /* blobs */
    size_t n;
    size_t *rooms; /* per repository: where its layout is, or would be; NO_ROOM: nobody knows */
    bool *written; /* per repository: something goes there */
};

static void looking_release(struct looking *l)
{
    free(l->list);
    free(l->rooms);
    free(l->written);
}

static const char *repo_name(const struct rf_import_run *r, uint32_t number)
{
    return rf_desired_str(&r->doc->desired, r->doc->repositories[number]);
}

static int find_rooms(struct looking *l, struct rf_err *err)
{
    struct rf_import_run *r = l->r;
    l->rooms = rf_xcalloc(r->doc->n_repositories + 1, sizeof(*l->rooms));
    l->written = rf_xcalloc(r->doc->n_repositories + 1, sizeof(*l->written));
    for (size_t i = 0; i < r->doc->n_repositories; i++) {
        l->rooms[i] = NO_ROOM;
        if (r->req->to_dir == NULL)
            continue;
        RF_CLEANUP(rf_freep) char *repo = rf_run_repo(r, repo_name(r, (uint32_t)i));
        RF_CLEANUP(rf_freep) char *path = rf_xasprintf("%s/%s", r->req->to_dir, repo);
        int rc = rf_rooms_find(&r->forecast.rooms, path, &named, &l->rooms[i], err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* What goes into a repository. The run's lock is held. */
static void note_written(struct looking *l, uint32_t number, uint64_t size)
{
    l->written[number] = true;
    if (l->rooms[number] != NO_ROOM)
        rf_room_add_file(&l->r->forecast.rooms.list[l->rooms[number]], size);
}

/* ---- blobs ---- */

struct blob_look {
    struct looking *l;
    uint32_t blob;
    uint32_t have; /* a repository that holds it by then, or RF_NO_ID */
};

static void note_blob(const struct blob_look *w, uint32_t number, bool there)
{
    struct rf_import_run *r = w->l->r;
    struct rf_import_forecast *f = &r->forecast;
    const struct rf_bundle_blob *b = &r->doc->blobs[w->blob];
    bool known = number == r->found[w->blob];
    bool mount = !there && w->have != RF_NO_ID && (r->req->to->flags & RF_PLACE_CAN_MOUNT) != 0;
    pthread_mutex_lock(&r->lock);
    rf_import_counts_add(&f->counts,
                         there   ? RF_BLOB_THERE
                         : mount ? RF_BLOB_MOUNTED
                                 : RF_BLOB_MOVED,
                         b->size);
    f->counts.requests += known ? 0 : ASK_REQUESTS;
    if (mount)
        f->counts.requests += MOUNT_REQUESTS;
    else if (!there)
        f->counts.requests += UPLOAD_REQUESTS + (b->travel == RF_TRAVEL_ASSUMED ? 1 : 0);
    /* in a layout a mount is another name of the same file, unless that is on another file system */
    if (!there)
        note_written(w->l, number,
                     mount && w->l->rooms[w->have] == w->l->rooms[number] ? 0 : b->size);
    pthread_mutex_unlock(&r->lock);
}

static int blob_job(void *ctx, size_t k, struct rf_err *err)
{
    struct looking *l = ctx;
    struct rf_import_run *r = l->r;
    struct blob_look w = { l, l->list[k], r->found[l->list[k]] };
    const struct rf_bundle_blob *b = &r->doc->blobs[w.blob];
    for (uint32_t i = 0; i < b->n_repos; i++) {
        uint32_t number = r->doc->lists[b->first_repo + i];
        int rc = 0;
        if (rf_run_is_needless(r, b->first_repo + i))
            continue;
        RF_CLEANUP(rf_freep) char *repo = rf_run_repo(r, repo_name(r, number));
        if (number != r->found[w.blob])
            rc = rf_place_probe_blob(r->req->to, repo, &b->digest, b->size, RF_PROBE_RANGE, err);
        if (rc < 0 && rc != -RFE_NOT_FOUND && rc != -RFE_DENIED)
            return rc;
        note_blob(&w, number, rc == 0);
        if (w.have == RF_NO_ID)
            w.have = number;
    }
    return 0;
}

/* ---- manifests ---- */

static void note_manifest(struct looking *l, uint32_t blob, uint32_t number, bool there)
{
    struct rf_import_run *r = l->r;
    struct rf_import_forecast *f = &r->forecast;
    const struct rf_bundle_blob *b = &r->doc->blobs[blob];
    uint64_t asked = number == r->found[blob] ? 0 : 1;
    uint64_t more = there ? 0 : READ_BACK_REQUESTS + (b->travel == RF_TRAVEL_ASSUMED ? 1 : 0);
    pthread_mutex_lock(&r->lock);
    f->counts.manifests_there += there;
    f->counts.manifests_put += !there;
    f->asked += asked;
    f->pulls += asked + more;
    f->counts.requests += asked + more + (there ? 0 : PUT_REQUESTS);
    if (!there)
        note_written(l, number, b->size);
    pthread_mutex_unlock(&r->lock);
}

static int manifest_job(void *ctx, size_t k, struct rf_err *err)
{
    struct looking *l = ctx;
    struct rf_import_run *r = l->r;
    const struct rf_bundle_blob *b = &r->doc->blobs[k];
    for (uint32_t i = 0; i < b->n_repos; i++) {
        uint32_t item = b->first_repo + i, number = r->doc->lists[item];
        if (r->failed[item] != NULL || rf_run_is_needless(r, item))
            continue;
        RF_CLEANUP(rf_freep) char *repo = rf_run_repo(r, repo_name(r, number));
        bool there = rf_apply_manifest_there(r, (uint32_t)k, number, repo);
        int rc = rf_cancel_check(err);
        if (rc < 0)
            return rc;
        note_manifest(l, (uint32_t)k, number, there);
    }
    return 0;
}

static size_t count_manifests(const struct rf_import_run *r)
{
    size_t n = 0;
    while (n < r->doc->n_blobs && r->doc->blobs[n].kind == RF_BLOB_MANIFEST)
        n++;
    return n;
}

/* ---- tags ---- */

static bool has_tag_here(const struct rf_import_run *r, size_t line)
{
    const struct rf_image *im = &r->doc->desired.images[line];
    return !rf_bundle_is_repair(r->doc) && rf_image_is_wanted(im) && r->refused[line] == NULL &&
           !r->lacking[line] && rf_desired_str(&r->doc->desired, im->tag)[0] != '\0';
}

/* Of one that moves: put, and got by digest and by tag. What the bundle does not carry is got first. */
static void note_tag(struct rf_import_run *r, size_t line)
{
    const struct rf_image *im = &r->doc->desired.images[line];
    const struct rf_bundle_blob *b = rf_bundle_find(r->doc, &im->digest);
    bool carried = b != NULL && b->travel == RF_TRAVEL_CARRIED;
    bool list = rf_list_is_line(r->doc, im);
    uint64_t pulls = 1, others = 0;
    if (list) /* looked at before manifests are written; a list that may have to be merged is read */
        others = 1;
    if (list && !carried && rf_digest_is_set(&r->tag_had[line]) &&
        !rf_digest_eq(&r->tag_had[line], &im->digest))
        pulls++;
    if (!rf_digest_eq(&r->tag_had[line], &r->tag_gets[line])) {
        pulls += carried ? 2u : 3u;
        others += PUT_REQUESTS;
    }
    r->forecast.asked++;
    r->forecast.pulls += pulls;
    r->forecast.counts.requests += pulls + others;
}

static void note_tags(struct rf_import_run *r)
{
    for (size_t i = 0; i < r->doc->desired.n; i++)
        if (has_tag_here(r, i))
            note_tag(r, i);
}

bool rf_forecast_is_near(const struct rf_import_run *r, uint64_t earlier)
{
    uint64_t n = earlier;
    for (size_t i = 0; i < count_manifests(r); i++)
        n += 3u * (uint64_t)r->doc->blobs[i].n_repos;
    for (size_t i = 0; i < r->doc->desired.n; i++)
        n += has_tag_here(r, i) ? 5u : 0u;
    return r->rate.set && n > r->rate.remain;
}

/* ---- room ---- */

/* A line of index.json, of the map of old tags, of the receipt: so many bytes and the names. */
#define LINE_BYTES 400u

static uint64_t bytes_of_lines(const struct rf_import_run *r)
{
    const struct rf_desired *d = &r->doc->desired;
    uint64_t n = 0;
    for (size_t i = 0; i < d->n; i++)
        n += LINE_BYTES + strlen(rf_desired_str(d, d->images[i].repository)) +
             strlen(rf_desired_str(d, d->images[i].tag));
    return n;
}

int rf_forecast_memory(struct rf_import_run *r, const struct rf_import_state *state,
                       struct rf_err *err)
{
    struct rf_rooms *rooms = &r->forecast.rooms;
    uint64_t lines = rf_room_of(bytes_of_lines(r));
    int rc = 0;
    if (rf_bundle_is_repair(r->doc))
        return 0;
    /* the map, the receipt, the bundle's own document, and the list of what was applied */
    if (state != NULL)
        rc = rf_rooms_add(rooms, state->dir, &memory,
                          2 * lines + rf_room_of(r->doc->json_size) +
                              rf_room_of((state->n + 1) * (uint64_t)LINE_BYTES * 2),
                          err);
    if (rc == 0 && r->req->receipt != NULL && strcmp(r->req->receipt, "-") != 0)
        rc = rf_rooms_add(rooms, r->req->receipt, &named, lines, err);
    return rc;
}

/* Layouts: index.json is written anew beside the old one. */
static void note_indexes(struct looking *l)
{
    const struct rf_import_run *r = l->r;
    for (size_t i = 0; i < r->doc->n_repositories; i++)
        if (l->written[i])
            note_written(l, (uint32_t)i, bytes_of_lines(r) / r->doc->n_repositories + 1);
}

int rf_forecast_make(struct rf_import_run *r, const struct rf_import_state *state,
                     struct rf_err *err)
{
    RF_CLEANUP(looking_release) struct looking l = { .r = r };
    l.list = rf_apply_blob_list(r, &l.n);
    rf_apply_fail_parents(r);
    int rc = find_rooms(&l, err);
    if (rc == 0)
        rc = rf_parallel(r->req->parallel, l.n, blob_job, &l, err);
    if (rc == 0)
        rc = rf_parallel(r->req->parallel, count_manifests(r), manifest_job, &l, err);
    if (rc == 0)
        rc = rf_apply_forecast_tags(r, state, err);
    if (rc < 0)
        return rc;
    note_tags(r);
    note_indexes(&l);
    if (rf_registry_remote(rf_ahead_below(r->req->to)) == NULL)
        r->forecast.counts.requests = r->forecast.pulls = 0;
    return rf_forecast_memory(r, state, err);
}

/* ---- what the registry grants ---- */

/* Something of the registry, so that its answer may tell; what the answer is does not matter. */
static void ask_anything(struct rf_import_run *r)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor desc = RF_DESCRIPTOR_INIT;
    struct rf_err unused = RF_ERR_INIT;
    const struct rf_image *im = &r->doc->desired.images[0];
    RF_CLEANUP(rf_freep)
    char *repo = rf_run_repo(r, rf_desired_str(&r->doc->desired, im->repository));
    if (rf_place_resolve(r->req->to, repo, NULL, &im->digest, &desc, &unused) < 0)
        return;
}

int rf_forecast_rate(struct rf_import_run *r, struct rf_err *err)
{
    struct rf_remote *remote = rf_registry_remote(rf_ahead_below(r->req->to));
    if (remote == NULL)
        return 0;
    if (r->doc->desired.n > 0 && rf_remote_calls(remote, RF_REQ_MANIFEST_GET) == 0 &&
        rf_remote_calls(remote, RF_REQ_MANIFEST_HEAD) == 0)
        ask_anything(r);
    struct rf_remote_limit said = rf_remote_limit(remote);
    r->rate = (struct rf_import_rate){ said.set, said.remain, said.limit };
    uint64_t before = rf_ahead_pulls_planned(r->req->ahead);
    r->rate.remain -= before < r->rate.remain ? before : r->rate.remain;
    return rf_cancel_check(err);
}

static int judge_rate(const struct rf_import_run *r, struct rf_err *err)
{
    uint64_t need = r->forecast.pulls;
    if (!r->rate.set || need <= r->rate.remain)
        return 0;
    if (r->rate.limit > 0 && need > r->rate.limit) {
        /* waiting would not help: as much as there is, and the rest as the registry grants it */
        rf_log_with(
            RF_LOG_WARN,
            "This takes more pulls than the registry ever grants at once: it will ask to wait",
            rf_log_text("destination", r->req->to_name), rf_log_uint("pulls", need),
            rf_log_uint("limit", r->rate.limit));
        return 0;
    }
    return rf_fail(
        err, RFE_REFUSED,
        "%s grants %llu more pull%s, this takes %llu: %llu too few; nothing was written; apply when the limit is renewed",
        r->req->to_name, (unsigned long long)r->rate.remain, rf_text_s(r->rate.remain),
        (unsigned long long)need, (unsigned long long)(need - r->rate.remain));
}

/* Room that the bundles before this one take, which are planned as well. */
static void take_planned(struct rf_import_run *r)
{
    for (size_t i = 0; i < r->forecast.rooms.n; i++) {
        struct rf_room *room = &r->forecast.rooms.list[i];
        uint64_t before = rf_ahead_room_planned(r->req->ahead, room->device);
        if (room->there != RF_ROOM_UNKNOWN)
            room->there -= before < room->there ? before : room->there;
    }
}

int rf_forecast_judge(struct rf_import_run *r, struct rf_err *err)
{
    int rc = rf_rooms_ask(&r->forecast.rooms, r->req->free_space, err);
    if (rc == 0)
        take_planned(r);
    if (rc == 0)
        rc = rf_rooms_check(&r->forecast.rooms, err);
    return rc < 0 ? rc : judge_rate(r, err);
}
