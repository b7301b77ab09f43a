/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/object/object_tar.h"

#define GETTER(name)                                                                              \
    static int name(const struct rf_call *call, const struct rf_field *field, const void *object, \
                    struct rf_value *out, struct rf_err *err)

GETTER(header_type)
{
    (void)call, (void)field, (void)err;
    const struct rf_layer_entry *e = object;
    *out = rf_value_typed(rf_value_uint((unsigned char)e->type), &rf_type_byte);
    return 0;
}

GETTER(header_mode)
{
    (void)call, (void)field, (void)err;
    *out = rf_value_int64(((const struct rf_layer_entry *)object)->mode);
    return 0;
}

GETTER(header_time)
{
    (void)call, (void)field, (void)err;
    const struct rf_layer_entry *e = object;
    *out = rf_value_time(rf_gotime_unix(e->mtime, e->mtime_nsec));
    return 0;
}

static const struct rf_field header_fields[] = {
    { "Typeflag", "Typeflag", 0, header_type, 0, NULL },
    { "Name", "Name", 0, rf_get_string, offsetof(struct rf_layer_entry, name), NULL },
    { "Linkname", "Linkname", 0, rf_get_string, offsetof(struct rf_layer_entry, link), NULL },
    { "Size", "Size", 0, rf_get_size, offsetof(struct rf_layer_entry, size), NULL },
    { "Mode", "Mode", 0, header_mode, 0, NULL },
    { "Uid", "Uid", 0, rf_get_int64, offsetof(struct rf_layer_entry, uid), &rf_type_int },
    { "Gid", "Gid", 0, rf_get_int64, offsetof(struct rf_layer_entry, gid), &rf_type_int },
    { "Uname", "Uname", 0, rf_get_string, offsetof(struct rf_layer_entry, user), NULL },
    { "Gname", "Gname", 0, rf_get_string, offsetof(struct rf_layer_entry, group), NULL },
    { "ModTime", "ModTime", 0, header_time, 0, NULL },
};
const struct rf_type rf_type_tar_header = { .name = "tar.Header",
                                            .kind = RF_VALUE_OBJECT,
                                            RF_FIELDS(header_fields) };

GETTER(file_header)
{
    (void)call, (void)field, (void)err;
    *out =
        rf_value_pointer(&rf_type_tar_header, ((const struct rf_tar_file_object *)object)->entry);
    return 0;
}

GETTER(file_content)
{
    (void)call, (void)field, (void)err;
    *out = rf_value_string(((const struct rf_tar_file_object *)object)->content);
    return 0;
}

static const struct rf_field file_fields[] = {
    { "Header", "Header", 0, file_header, 0, NULL },
    { "Reader", "Reader", 0, file_content, 0, NULL },
};
const struct rf_type rf_type_tar_file = { .name = "struct { Header *tar.Header; Reader io.Reader }",
                                          .kind = RF_VALUE_OBJECT,
                                          RF_FIELDS(file_fields) };
