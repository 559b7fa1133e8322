/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every action's parameters with their limits: API metadata of 2026-08-21. */
#include "service/tables.h"

#include <stdint.h>

#define END          \
    {                \
        .name = NULL \
    }
#define REQUIRED .required = true

#define IMAGE_ID                                   \
    {                                              \
        "ImageId", PARAM_TEXT, REQUIRED, .max = 64 \
    }
#define DRY_RUN              \
    {                        \
        "DryRun", PARAM_BOOL \
    }
#define TOO_LARGE .code = "InvalidParameterValue.TooLarge"
#define DESCRIPTION                                           \
    {                                                         \
        "ImageDescription", PARAM_TEXT, .max = 256, TOO_LARGE \
    }
#define FAMILY                                                                        \
    {                                                                                 \
        "ImageFamily", PARAM_TEXT, .max = 128,                                        \
                                   .code = "InvalidParameterValue.InvalidImageFamily" \
    }
#define PAGE                                                                           \
    {"Offset", PARAM_INT, .max = INT32_MAX,                                            \
     .code = "InvalidParameterValue.InvalidParameterValueLimit"},                      \
    {                                                                                  \
        "Limit", PARAM_INT, .min = 1, .max = 100,                                      \
                            .code = "InvalidParameterValue.InvalidParameterValueLimit" \
    }

/* Lists of objects. */
static const struct param tag[] = {
    {"Key", PARAM_TEXT, REQUIRED, .min = 1, .max = 127},
    {"Value", PARAM_TEXT, .max = 255},
    END,
};
static const struct param tag_specification[] = {
    {"ResourceType", PARAM_TEXT, REQUIRED, .choices = "image"},
    {"Tags", PARAM_OBJECTS, REQUIRED, .members = tag, .items = 50,
     .items_code = "InvalidParameterValue.TagQuotaLimitExceeded"},
    END,
};
static const struct param data_disk[] = {
    {"ImageUrl", PARAM_TEXT, REQUIRED, .min = 1, .max = 4096,
     .code = "InvalidParameter.InvalidParameterUrlError"},
    END,
};
static const struct param filter[] = {
    {"Name", PARAM_TEXT, REQUIRED, .min = 1, .max = 256, .code = "InvalidFilter"},
    {"Values", PARAM_TEXTS, REQUIRED, .max = 256, .items = 5,
     .items_code = "InvalidFilterValue.LimitExceeded"},
    END,
};

#define TAGS                                                                         \
    {                                                                                \
        "TagSpecification", PARAM_OBJECTS, .members = tag_specification, .items = 10 \
    }
#define FILTERS                                                                    \
    {                                                                              \
        "Filters", PARAM_OBJECTS, .members = filter, .items = 10,                  \
                                  .items_code = "InvalidFilterValue.LimitExceeded" \
    }

const struct param params_describe_regions[] = {END};
const struct param params_describe_zones[] = {END};
const struct param params_describe_import_image_os[] = {END};
const struct param params_describe_image_quota[] = {END};

const struct param params_describe_images[] = {
    {"ImageIds", PARAM_TEXTS, .max = 64, .items = 100},
    FILTERS,
    PAGE,
    {"InstanceType", PARAM_TEXT, .max = 64, .code = "InvalidInstanceType.Malformed"},
    END,
};

const struct param params_modify_image_attribute[] = {
    IMAGE_ID,
    {"ImageName", PARAM_TEXT, .min = 1, .max = 60, TOO_LARGE},
    DESCRIPTION,
    FAMILY,
    {"ImageDeprecated", PARAM_BOOL},
    END,
};

const struct param params_delete_images[] = {
    {"ImageIds", PARAM_TEXTS, REQUIRED, .max = 64, .items = 100},
    {"DeleteBindedSnap", PARAM_BOOL},
    DRY_RUN,
    END,
};

const struct param params_modify_image_share_permission[] = {
    IMAGE_ID,
    {"AccountIds", PARAM_TEXTS, REQUIRED, .min = 1, .max = 64, .items = 50,
     .code = "InvalidAccountId.NotFound"},
    {"Permission", PARAM_TEXT, REQUIRED, .choices = "SHARE|CANCEL"},
    END,
};

const struct param params_describe_image_share_permission[] = {IMAGE_ID, END};

const struct param params_describe_image_from_family[] = {
    {"ImageFamily", PARAM_TEXT, REQUIRED, .min = 1, .max = 128},
    END,
};

const struct param params_import_image[] = {
    {"Architecture", PARAM_TEXT, REQUIRED, .choices = "x86_64|i386|arm_64"},
    {"OsType", PARAM_TEXT, REQUIRED, .min = 1, .max = 60,
     .code = "InvalidImageOsType.Unsupported"},
    {"OsVersion", PARAM_TEXT, REQUIRED, .min = 1, .max = 60,
     .code = "InvalidImageOsVersion.Unsupported"},
    {"ImageUrl", PARAM_TEXT, REQUIRED, .min = 1, .max = 4096,
     .code = "InvalidParameter.InvalidParameterUrlError"},
    {"ImageName", PARAM_TEXT, REQUIRED, .min = 1, .max = 60, TOO_LARGE},
    DESCRIPTION,
    DRY_RUN,
    {"Force", PARAM_BOOL},
    TAGS,
    {"LicenseType", PARAM_TEXT, .choices = "TencentCloud|BYOL",
     .code = "InvalidParameterValue.InvalidLicenseType"},
    {"BootMode", PARAM_TEXT, .choices = "Legacy BIOS|UEFI",
     .code = "InvalidParameterValue.InvalidBootMode"},
    {"BootProbe", PARAM_BOOL}, /* ours */
    FAMILY,
    {"ImportImageDataDiskList", PARAM_OBJECTS, .members = data_disk, .items = 20},
    END,
};

const struct param params_sync_images[] = {
    {"ImageIds", PARAM_TEXTS, REQUIRED, .max = 64, .items = 1},
    {"DestinationRegions", PARAM_TEXTS, REQUIRED, .min = 1, .max = 64, .items = 50},
    DRY_RUN,
    {"ImageName", PARAM_TEXT, .min = 1, .max = 60, TOO_LARGE},
    {"ImageSetRequired", PARAM_BOOL},
    {"Encrypt", PARAM_BOOL},
    {"KmsKeyId", PARAM_TEXT, .max = 128, .code = "InvalidParameter.InvalidKmsKeyId"},
    END,
};

const struct param params_export_images[] = {
    {"BucketName", PARAM_TEXT, REQUIRED, .min = 1, .max = 128,
     .code = "InvalidParameterValue.BucketNotFound"},
    {"ImageIds", PARAM_TEXTS, .max = 64, .items = 10},
    {"ExportFormat", PARAM_TEXT, .choices = "RAW|QCOW2|VHD|VMDK"},
    {"FileNamePrefixList", PARAM_TEXTS, .max = 255, .items = 10,
     .code = "InvalidParameterValue.InvalidFileNamePrefixList"},
    {"OnlyExportRootDisk", PARAM_BOOL},
    DRY_RUN,
    {"RoleName", PARAM_TEXT, .max = 128},
    END,
};

/* --- our own --- */

#define REASON                            \
    {                                     \
        "Reason", PARAM_TEXT, .max = 1000 \
    }

const struct param params_apply_import_permission[] = {REASON, END};

const struct param params_answer_import_permission[] = {
    {"AccountId", PARAM_TEXT, REQUIRED, .min = 1, .max = 64},
    {"Permission", PARAM_TEXT, REQUIRED, .choices = "GRANT|REFUSE"},
    REASON,
    END,
};

const struct param params_describe_accounts[] = {END};

const struct param params_submit_image[] = {
    IMAGE_ID,
    {"Target", PARAM_TEXT, REQUIRED, .choices = "MARKET|PUBLIC"},
    {"Price", PARAM_INT, .max = 1000000000},
    END,
};

const struct param params_review_image[] = {
    IMAGE_ID,
    {"Accept", PARAM_BOOL, REQUIRED},
    REASON,
    END,
};

const struct param params_publish_image[] = {IMAGE_ID, END};
const struct param params_withdraw_image[] = {IMAGE_ID, END};

const struct param params_inquiry_price_images[] = {
    {"ImageIds", PARAM_TEXTS, REQUIRED, .max = 64, .items = 100},
    END,
};

/* Numbers of tasks have up to 16 digits, which texts keep in every language. */
const struct param params_describe_import_tasks[] = {
    {"TaskIds", PARAM_TEXTS, .max = 20, .items = 100},
    {"ImageId", PARAM_TEXT, .max = 64},
    {"WithReport", PARAM_BOOL},
    PAGE,
    END,
};

/* Of an import, what its check depends on. */
const struct param params_check_image[] = {
    {"ImageUrl", PARAM_TEXT, REQUIRED, .min = 1, .max = 4096,
     .code = "InvalidParameter.InvalidParameterUrlError"},
    {"OsType", PARAM_TEXT, .max = 60},
    {"OsVersion", PARAM_TEXT, .max = 60},
    {"Architecture", PARAM_TEXT, .choices = "x86_64|i386|arm_64"},
    {"LicenseType", PARAM_TEXT, .choices = "TencentCloud|BYOL",
     .code = "InvalidParameterValue.InvalidLicenseType"},
    {"Force", PARAM_BOOL},
    END,
};

const struct param params_recheck_images[] = {
    {"ImageIds", PARAM_TEXTS, REQUIRED, .max = 64, .items = 100},
    END,
};

const struct param params_cancel_import_task[] = {
    {"TaskId", PARAM_INT, REQUIRED, .min = 1, .max = INT64_MAX},
    END,
};

const struct param params_describe_messages[] = {
    {"Type", PARAM_TEXT, .max = 64},
    {"ImageId", PARAM_TEXT, .max = 64},
    {"TaskId", PARAM_INT, .min = 1, .max = INT64_MAX},
    {"Unread", PARAM_BOOL},
    {"WithDeliveries", PARAM_BOOL},
    PAGE,
    END,
};

const struct param params_read_message[] = {
    {"MessageId", PARAM_INT, REQUIRED, .min = 1, .max = INT64_MAX},
    END,
};

const struct param params_modify_message_subscription[] = {
    {"Operation", PARAM_TEXT, REQUIRED, .choices = "ADD|REMOVE|VERIFY"},
    {"Type", PARAM_TEXT, .min = 1, .max = 64},
    {"Channel", PARAM_TEXT, .choices = "mail|sms|webhook"},
    {"Address", PARAM_TEXT, .min = 1, .max = 2048},
    {"SubscriptionId", PARAM_INT, .min = 1, .max = INT64_MAX},
    {"Code", PARAM_TEXT, .min = 1, .max = 64},
    END,
};

const struct param params_describe_message_subscriptions[] = {END};
