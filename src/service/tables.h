/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tables.h: the parameter tables that actions.def names */
#pragma once

#include "service/params.h"

extern const struct param params_describe_regions[];
extern const struct param params_describe_zones[];
extern const struct param params_describe_import_image_os[];
extern const struct param params_describe_image_quota[];
extern const struct param params_describe_images[];
extern const struct param params_modify_image_attribute[];
extern const struct param params_delete_images[];
extern const struct param params_modify_image_share_permission[];
extern const struct param params_describe_image_share_permission[];
extern const struct param params_describe_image_from_family[];
extern const struct param params_import_image[];
extern const struct param params_sync_images[];
extern const struct param params_export_images[];
extern const struct param params_apply_import_permission[];
extern const struct param params_answer_import_permission[];
extern const struct param params_describe_accounts[];
extern const struct param params_submit_image[];
extern const struct param params_review_image[];
extern const struct param params_publish_image[];
extern const struct param params_withdraw_image[];
extern const struct param params_inquiry_price_images[];
extern const struct param params_describe_import_tasks[];
extern const struct param params_check_image[];
extern const struct param params_recheck_images[];
extern const struct param params_cancel_import_task[];
extern const struct param params_describe_messages[];
extern const struct param params_read_message[];
extern const struct param params_modify_message_subscription[];
extern const struct param params_describe_message_subscriptions[];
extern const struct param params_run_instances[];
extern const struct param params_inquiry_price_run_instances[];
extern const struct param params_describe_instances[];
extern const struct param params_describe_instances_status[];
extern const struct param params_start_instances[];
extern const struct param params_stop_instances[];
extern const struct param params_reboot_instances[];
extern const struct param params_terminate_instances[];
extern const struct param params_reset_instance[];
extern const struct param params_create_image[];
extern const struct param params_describe_instance_type_configs[];
extern const struct param params_describe_zone_instance_config_infos[];
extern const struct param params_import_key_pair[];
extern const struct param params_describe_key_pairs[];
extern const struct param params_delete_key_pairs[];
