/* SPDX-License-Identifier: Apache-2.0 */
/* A step of the policy file as templates and scripts see it: {{.Sync.Source}} at load, {{.Ref.Tag}}, {{.Step.Target}} in `backup`. */
#ifndef RF_POLICY_OBJECT_STEP_H
#define RF_POLICY_OBJECT_STEP_H

#include "policy/object/object.h"
#include "policy/step.h"

/* main.ConfigSync; the object is a struct rf_step. */
extern const struct rf_type rf_type_step;

/* The data of a template. All borrowed. */
struct rf_step_object {
    const struct rf_step *step; /* .Sync, and .Step where there is a reference */
    const struct rf_ref *ref;   /* .Ref, the target; NULL at load, where only .Sync is known */
};
struct rf_value rf_step_object_value(const struct rf_step_object *o);

/*
 * Where the image at `target` is saved before another takes its place: the template `backup`, without blanks at its ends. With ":" or "/" in it it
 * is a whole reference, else a tag of the target's repository. -RFE_CONFIG, -RFE_INVALID. *out: rf_ref_release.
 */
RF_MUST_USE int rf_step_backup(const struct rf_step *step, const struct rf_ref *target,
                               struct rf_ref *out, struct rf_err *err);

#endif
