/* SPDX-License-Identifier: Apache-2.0 */
#include "export/space.h"

#include "base/file.h"
#include "base/mem.h"
#include "export/partial.h"

#define LEAST (RF_BUNDLE_SIG_SIZE + 8192u) /* of a bundle that carries nothing */
#define STATE_SPARE 16384u
/* What a snapshot's file takes of each, with room to spare: it is made anew when it is written. */
#define LINE_BYTES 400u
#define BLOB_BYTES 200u
#define ITEM_BYTES 8u

static const struct rf_room_use bundles = {
    .note = "",
    .file = "the bundle",
    .more = "make room there, or give another folder (-o DIR)",
    .larger = "give a folder on another file system, such as exFAT or ext4 (-o DIR)",
};
static const struct rf_room_use memory = {
    .note = " (what is remembered of the site)",
    .file = "what is remembered",
    .more = "make room, or keep the state elsewhere (--state DIR)",
    .larger = "keep the state elsewhere (--state DIR)",
};

/* What the run remembers: the plan until its bundle is whole, and the history's copy of it. */
static uint64_t state_bytes(const struct rf_plan *plan)
{
    if (plan == NULL)
        return STATE_SPARE;
    const struct rf_snapshot *s = plan->snapshot;
    uint64_t snapshot = (uint64_t)s->desired.n * LINE_BYTES + (uint64_t)s->n_blobs * BLOB_BYTES +
                        (uint64_t)s->n_items * ITEM_BYTES;
    uint64_t rules = (uint64_t)plan->rules.n * LINE_BYTES;
    return 2 * (plan->bundle->json_size + snapshot) + rules + STATE_SPARE;
}

/* What an interrupted run has set aside for the same file counts as there; what it left of another plan goes first. */
static int add_bundle(struct rf_room *room, struct rf_export_state *state, const char *output,
                      const struct rf_bundle *bundle, struct rf_err *err)
{
    struct rf_bundle_frame frame;
    RF_CLEANUP(rf_freep) char *final = rf_partial_final_path(output, bundle);
    if (rf_path_exists(final)) /* it is only looked at */
        return 0;
    int rc = rf_bundle_frame_init(&frame, bundle, err);
    if (rc < 0)
        return rc;
    uint64_t mine = rf_partial_set_aside(final);
    room->file = frame.total;
    room->needed = room->file > mine ? room->file - mine : 0;
    room->given_back = rf_export_state_pending_bytes(state, room->device, final);
    rf_bundle_frame_release(&frame);
    return 0;
}

static void add_least(struct rf_room *room, struct rf_export_state *state)
{
    room->needed = room->file = LEAST;
    room->given_back = rf_export_state_pending_bytes(state, room->device, NULL);
}

int rf_space_look(struct rf_rooms *rooms, struct rf_export_state *state, const char *output,
                  const struct rf_plan *plan, struct rf_err *err)
{
    size_t number;
    rf_rooms_release(rooms);
    int rc = rf_rooms_find(rooms, output, &bundles, &number, err);
    if (rc < 0)
        return rc;
    struct rf_room *room = &rooms->list[number];
    if (plan != NULL)
        rc = add_bundle(room, state, output, plan->bundle, err);
    else
        add_least(room, state);
    if (rc == 0)
        rc = rf_rooms_add(rooms, state->dir, &memory, state_bytes(plan), err);
    return rc < 0 ? rc : rf_rooms_ask(rooms, NULL, err);
}
