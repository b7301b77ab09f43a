/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/object/object_referrers.h"

#include <stdlib.h>

#include "base/columns.h"
#include "base/mem.h"

#define GETTER(name)                                                                              \
    static int name(const struct rf_call *call, const struct rf_field *field, const void *object, \
                    struct rf_value *out, struct rf_err *err)

static const struct rf_ref no_ref = RF_REF_INIT;

/* ---- the list ---- */

GETTER(list_subject)
{
    (void)call, (void)field, (void)err;
    const struct rf_referrers_object *o = object;
    *out = rf_value_object(&rf_type_ref, o->subject);
    return 0;
}

GETTER(list_source)
{
    (void)call, (void)field, (void)err;
    const struct rf_referrers_object *o = object;
    *out = rf_value_object(&rf_type_ref, o->source != NULL ? o->source : &no_ref);
    return 0;
}

/* A member of the document. */
GETTER(list_member)
{
    const struct rf_field inner = { field->name, field->json, 0, rf_get_json, 0, field->type };
    return rf_get_json(call, &inner, ((const struct rf_referrers_object *)object)->doc, out, err);
}

GETTER(list_manifest)
{
    (void)call, (void)field, (void)err;
    *out = rf_manifest_object_value(&((const struct rf_referrers_object *)object)->manifest);
    return 0;
}

GETTER(list_tags)
{
    (void)field, (void)err;
    const struct rf_referrer_list *l = ((const struct rf_referrers_object *)object)->list;
    *out = rf_value_strings(call->arena, (const char *const *)l->tags, l->n_tags);
    return 0;
}

static void add_referrer(const struct rf_ref *at, const json_t *d, struct rf_buf *out)
{
    const char *text = json_string_value(json_object_get(d, "digest"));
    struct rf_digest digest;
    rf_buf_add_str(out, "\t\n");
    if (text != NULL && rf_digest_parse(rf_slice_str(text), &digest, NULL) == 0) {
        struct rf_ref named = RF_REF_INIT;
        rf_ref_copy(at, &named);
        rf_ref_set_tag(&named, NULL);
        rf_ref_set_digest(&named, &digest);
        RF_CLEANUP(rf_freep) char *name = rf_ref_common_name(&named);
        rf_buf_addf(out, "  Name:\t%s\n", name);
        rf_ref_release(&named);
    }
    rf_object_descriptor_pretty(d, "  ", out);
}

static int list_pretty(const struct rf_call *call, const struct rf_value *self, struct rf_buf *out,
                       struct rf_err *err)
{
    const struct rf_referrers_object *o = self->object;
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    RF_CLEANUP(rf_freep) char *subject = rf_ref_common_name(o->subject);
    size_t i;
    const json_t *d;
    (void)call, (void)err;
    rf_buf_init(&text, out->max);
    rf_buf_addf(&text, "Subject:\t%s\n", subject);
    if (o->source != NULL) {
        RF_CLEANUP(rf_freep) char *source = rf_ref_common_name(o->source);
        rf_buf_addf(&text, "Source:\t%s\n", source);
    }
    rf_buf_add_str(&text, "\t\nReferrers:\t\n");
    json_array_foreach (json_object_get(o->doc, "descriptors"), i, d) {
        add_referrer(o->source != NULL ? o->source : o->subject, d, &text);
    }
    if (text.rc < 0)
        out->rc = text.rc;
    rf_columns(rf_buf_slice(&text), out);
    return 0;
}

static const struct rf_field list_fields[] = {
    { "Subject", "subject", 0, list_subject, 0, &rf_type_ref },
    { "Source", "source", 0, list_source, 0, &rf_type_ref },
    { "Descriptors", "descriptors", 0, list_member, 0, &rf_type_descriptor_list },
    { "Annotations", "annotations", RF_FIELD_OMITEMPTY, list_member, 0, &rf_type_string_map },
    { "Manifest", NULL, 0, list_manifest, 0, NULL },
    { "Tags", NULL, 0, list_tags, 0, &rf_type_string_list },
};
static const struct rf_type list_type = { .name = "referrer.ReferrerList",
                                          .kind = RF_VALUE_OBJECT,
                                          RF_FIELDS(list_fields),
                                          .pretty = list_pretty };

void rf_referrers_object_init(struct rf_referrers_object *o, const struct rf_referrer_list *list,
                              const struct rf_ref *subject, const struct rf_ref *source)
{
    *o = (struct rf_referrers_object){ .list = list, .subject = subject, .source = source };
    json_t *descriptors = json_array();
    for (size_t i = 0; i < list->n; i++)
        json_array_append_new(descriptors, rf_object_descriptor(&list->items[i]));
    o->doc = json_object();
    json_object_set_new(o->doc, "descriptors", descriptors);
    rf_manifest_object_init(&o->manifest, &(struct rf_manifest_facts){ .manifest = list->index });
}

void rf_referrers_object_release(struct rf_referrers_object *o)
{
    json_decref(o->doc);
    rf_manifest_object_release(&o->manifest);
    *o = (struct rf_referrers_object){ .list = NULL };
}

struct rf_value rf_referrers_object_value(const struct rf_referrers_object *o)
{
    return rf_value_object(&list_type, o);
}

/* ---- the tree ---- */

GETTER(node_ref)
{
    (void)call, (void)field, (void)err;
    *out = rf_value_object(&rf_type_ref, &((const struct rf_artifact_node *)object)->ref);
    return 0;
}

static void free_manifest_object(void *p)
{
    rf_manifest_object_release(p);
    free(p);
}

GETTER(node_manifest)
{
    (void)field, (void)err;
    const struct rf_artifact_node *n = object;
    struct rf_manifest_object *o = rf_xcalloc(1, sizeof(*o));
    rf_manifest_object_init(o,
                            &(struct rf_manifest_facts){ .manifest = n->manifest, .ref = &n->ref });
    rf_arena_defer(call->arena, free_manifest_object, o);
    *out = rf_manifest_object_value(o);
    return 0;
}

static void drop_json(void *p)
{
    json_decref(p);
}

GETTER(node_platform)
{
    (void)field, (void)err;
    const struct rf_artifact_node *n = object;
    json_t *descriptor = NULL;
    if (n->platform != NULL) {
        struct rf_descriptor d = { .platform = n->platform };
        descriptor = rf_object_descriptor(&d);
        rf_arena_defer(call->arena, drop_json, descriptor);
    }
    *out = rf_value_pointer(&rf_type_platform,
                            descriptor != NULL ? json_object_get(descriptor, "platform") : NULL);
    return 0;
}

static const struct rf_type node_list_type = { .name = "[]*main.treeResult",
                                               .kind = RF_VALUE_LIST,
                                               .elem = &rf_type_artifact_node };

static struct rf_value node_list(const struct rf_call *call, struct rf_artifact_node **nodes,
                                 size_t n)
{
    struct rf_value *items = n > 0 ? rf_arena_alloc(call->arena, n * sizeof(*items)) : NULL;
    for (size_t i = 0; i < n; i++)
        items[i] = rf_value_pointer(&rf_type_artifact_node, nodes[i]);
    return rf_value_list(&node_list_type, items, n);
}

GETTER(node_children)
{
    (void)field, (void)err;
    const struct rf_artifact_node *n = object;
    *out = node_list(call, n->children, n->n_children);
    return 0;
}

GETTER(node_referrers)
{
    (void)field, (void)err;
    const struct rf_artifact_node *n = object;
    *out = node_list(call, n->referrers, n->n_referrers);
    return 0;
}

GETTER(node_source)
{
    (void)call, (void)field, (void)object, (void)err;
    *out = rf_value_object(&rf_type_ref, &no_ref);
    return 0;
}

static void draw(const struct rf_artifact_node *n, unsigned indent, struct rf_buf *out);

static void draw_all(const char *title, struct rf_artifact_node **nodes, size_t n, unsigned indent,
                     struct rf_buf *out)
{
    if (n > 0)
        rf_buf_addf(out, "%*s%s:\n", (int)indent, "", title);
    for (size_t i = 0; i < n; i++) {
        rf_buf_addf(out, "%*s  - ", (int)indent, "");
        draw(nodes[i], indent + 4, out);
    }
}

static void draw(const struct rf_artifact_node *n, unsigned indent, struct rf_buf *out)
{
    char text[RF_DIGEST_TEXT];
    rf_buf_add_str(out, rf_digest_text(&n->manifest->digest, text));
    if (n->platform != NULL) {
        RF_CLEANUP(rf_freep) char *platform = rf_platform_text(n->platform);
        rf_buf_addf(out, " [%s]", platform);
    }
    if (n->artifact_type != NULL && n->artifact_type[0] != '\0')
        rf_buf_addf(out, ": %s", n->artifact_type);
    else if (n->ref.tag != NULL && strncmp(n->ref.tag, "sha256-", 7) == 0)
        rf_buf_addf(out, ": %s", n->ref.tag);
    rf_buf_add_char(out, '\n');
    draw_all("Children", n->children, n->n_children, indent, out);
    draw_all("Referrers", n->referrers, n->n_referrers, indent, out);
}

static int node_pretty(const struct rf_call *call, const struct rf_value *self, struct rf_buf *out,
                       struct rf_err *err)
{
    const struct rf_artifact_node *n = self->object;
    RF_CLEANUP(rf_freep) char *name = rf_ref_common_name(&n->ref);
    (void)call, (void)err;
    rf_buf_addf(out, "Ref: %s\nDigest: ", name);
    draw(n, 0, out);
    return 0;
}

static const struct rf_field node_fields[] = {
    { "Ref", "reference", 0, node_ref, 0, &rf_type_ref },
    { "Manifest", "manifest", 0, node_manifest, 0, NULL },
    { "Platform", "platform", RF_FIELD_OMITEMPTY, node_platform, 0, &rf_type_platform },
    { "ArtifactType", "artifactType", RF_FIELD_OMITEMPTY, rf_get_string,
      offsetof(struct rf_artifact_node, artifact_type), NULL },
    { "Child", "child", RF_FIELD_OMITEMPTY, node_children, 0, NULL },
    { "Referrer", "referrer", RF_FIELD_OMITEMPTY, node_referrers, 0, NULL },
    { "ReferrerSrc", "referrerSource", 0, node_source, 0, &rf_type_ref },
};
const struct rf_type rf_type_artifact_node = { .name = "main.treeResult",
                                               .kind = RF_VALUE_OBJECT,
                                               RF_FIELDS(node_fields),
                                               .pretty = node_pretty };
