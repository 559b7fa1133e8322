/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parameters of what is done with instances: API metadata of 2026-08-21.  What stands in
 * it and is not here means nothing that there is here, and is answered UnknownParameter.
 */
#include <stdint.h>

#include "service/tables.h"

#define END          \
    {                \
        .name = NULL \
    }
#define REQUIRED .required = true
#define DRY_RUN              \
    {                        \
        "DryRun", PARAM_BOOL \
    }
#define PAGE                                                              \
    {"Offset", PARAM_INT, .max = INT32_MAX},                              \
    {                                                                     \
        "Limit", PARAM_INT, .min = 1, .max = 100,                         \
                            .code = "InvalidParameterValue.LimitExceeded" \
    }
#define INSTANCE_ID                                   \
    {                                                 \
        "InstanceId", PARAM_TEXT, REQUIRED, .max = 64 \
    }
#define INSTANCE_IDS                                                  \
    {                                                                 \
        "InstanceIds", PARAM_TEXTS, REQUIRED, .max = 64, .items = 100 \
    }
#define TYPE                                                                           \
    {                                                                                  \
        "InstanceType", PARAM_TEXT, .max = 64, .code = "InvalidInstanceType.Malformed" \
    }

static const struct param filter[] = {
    {"Name", PARAM_TEXT, REQUIRED, .min = 1, .max = 256, .code = "InvalidFilter"},
    {"Values", PARAM_TEXTS, REQUIRED, .max = 256, .items = 5,
     .items_code = "InvalidFilterValue.LimitExceeded"},
    END,
};
#define FILTERS                                                                    \
    {                                                                              \
        "Filters", PARAM_OBJECTS, .members = filter, .items = 10,                  \
                                  .items_code = "InvalidFilterValue.LimitExceeded" \
    }

static const struct param placement[] = {
    {"Zone", PARAM_TEXT, REQUIRED, .min = 1, .max = 64},
    {"ProjectId", PARAM_INT, .max = INT32_MAX},
    END,
};
static const struct param system_disk[] = {
    {"DiskType", PARAM_TEXT,
     .choices = "LOCAL_BASIC|LOCAL_SSD|CLOUD_BASIC|CLOUD_SSD|CLOUD_PREMIUM|CLOUD_BSSD|"
                "CLOUD_HSSD|CLOUD_TSSD"},
    {"DiskSize", PARAM_INT, .max = 1048576, .code = "InvalidParameterValue.Range"},
    END,
};
static const struct param data_disk[] = {
    {"DiskType", PARAM_TEXT, .max = 32},
    {"DiskSize", PARAM_INT, .max = 1048576},
    {"SnapshotId", PARAM_TEXT, .max = 64},
    {"DeleteWithInstance", PARAM_BOOL},
    END,
};
static const struct param network[] = {
    {"VpcId", PARAM_TEXT, REQUIRED, .max = 64},
    {"SubnetId", PARAM_TEXT, REQUIRED, .max = 64},
    {"AsVpcGateway", PARAM_BOOL},
    {"PrivateIpAddresses", PARAM_TEXTS, .max = 64, .items = 100},
    {"Ipv6AddressCount", PARAM_INT, .max = 0},
    END,
};
static const struct param internet[] = {
    {"InternetChargeType", PARAM_TEXT, .max = 64},
    {"InternetMaxBandwidthOut", PARAM_INT, .max = INT32_MAX},
    {"PublicIpAssigned", PARAM_BOOL},
    END,
};
static const struct param login[] = {
    {"Password", PARAM_TEXT, .max = 256, .code = "InvalidParameterValue.InvalidPassword"},
    {"KeyIds", PARAM_TEXTS, .max = 64, .items = 16},
    {"KeepImageLogin", PARAM_TEXT, .choices = "TRUE|FALSE|true|false"},
    END,
};
static const struct param enabled[] = {{"Enabled", PARAM_BOOL}, END};
static const struct param enhanced[] = {
    {"SecurityService", PARAM_OBJECT, .members = enabled},
    {"MonitorService", PARAM_OBJECT, .members = enabled},
    {"AutomationService", PARAM_OBJECT, .members = enabled},
    END,
};
static const struct param tag[] = {
    {"Key", PARAM_TEXT, REQUIRED, .min = 1, .max = 127},
    {"Value", PARAM_TEXT, .max = 255},
    END,
};
static const struct param instance_tags[] = {
    {"ResourceType", PARAM_TEXT, REQUIRED, .choices = "instance"},
    {"Tags", PARAM_OBJECTS, REQUIRED, .members = tag, .items = 50,
     .items_code = "InvalidParameterValue.TagQuotaLimitExceeded"},
    END,
};
static const struct param image_tags[] = {
    {"ResourceType", PARAM_TEXT, REQUIRED, .choices = "image"},
    {"Tags", PARAM_OBJECTS, REQUIRED, .members = tag, .items = 50,
     .items_code = "InvalidParameterValue.TagQuotaLimitExceeded"},
    END,
};

/* What an instance is made with, and its price asked for. */
#define CREATION                                                                         \
    {"Placement", PARAM_OBJECT, REQUIRED, .members = placement},                         \
        {"ImageId", PARAM_TEXT, REQUIRED, .max = 64},                                    \
        {"InstanceChargeType", PARAM_TEXT, .choices = "POSTPAID_BY_HOUR"}, TYPE,         \
        {"SystemDisk", PARAM_OBJECT, .members = system_disk},                            \
        {"DataDisks", PARAM_OBJECTS, .members = data_disk, .items = 21},                 \
        {"VirtualPrivateCloud", PARAM_OBJECT, .members = network},                       \
        {"InternetAccessible", PARAM_OBJECT, .members = internet},                       \
        {"InstanceCount", PARAM_INT, .min = 1, .max = 500},                              \
        {"InstanceName", PARAM_TEXT, .max = 128, .code = "InvalidInstanceName.TooLong"}, \
        {"LoginSettings", PARAM_OBJECT, .members = login},                               \
        {"SecurityGroupIds", PARAM_TEXTS, .max = 64, .items = 5},                        \
        {"EnhancedService", PARAM_OBJECT, .members = enhanced},                          \
        {"ClientToken", PARAM_TEXT, .max = 64, .code = "InvalidClientToken.TooLong"},    \
        {"HostName", PARAM_TEXT, .max = 128,                                             \
         .code = "InvalidParameterValue.IllegalHostName"},                               \
    {                                                                                    \
        "TagSpecification", PARAM_OBJECTS, .members = instance_tags, .items = 10         \
    }

#define USER_DATA                                                                     \
    {                                                                                 \
        "UserData", PARAM_TEXT, .max = 32768,                                         \
                                .code = "InvalidParameterValue.InvalidUserDataFormat" \
    }

const struct param params_run_instances[] = {
    CREATION,
    {"MinCount", PARAM_INT, .min = 1, .max = 500,
     .code = "InvalidParameterValue.InvalidParameterMinCount"},
    USER_DATA,
    DRY_RUN,
    END,
};
const struct param params_inquiry_price_run_instances[] = {CREATION, USER_DATA, END};

const struct param params_describe_instances[] = {
    {"InstanceIds", PARAM_TEXTS, .max = 64, .items = 100},
    FILTERS,
    PAGE,
    END,
};
const struct param params_describe_instances_status[] = {
    {"InstanceIds", PARAM_TEXTS, .max = 64, .items = 100},
    PAGE,
    END,
};

const struct param params_start_instances[] = {INSTANCE_IDS, END};
#define STOP_TYPE                                                 \
    {                                                             \
        "StopType", PARAM_TEXT, .choices = "SOFT|HARD|SOFT_FIRST" \
    }
const struct param params_stop_instances[] = {
    INSTANCE_IDS,
    STOP_TYPE,
    {"ForceStop", PARAM_BOOL},
    {"StoppedMode", PARAM_TEXT, .choices = "KEEP_CHARGING|STOP_CHARGING"},
    END,
};
const struct param params_reboot_instances[] = {
    INSTANCE_IDS,
    STOP_TYPE,
    {"ForceReboot", PARAM_BOOL},
    END,
};
const struct param params_terminate_instances[] = {
    INSTANCE_IDS,
    {"ReleaseAddress", PARAM_BOOL},
    {"ReleasePrepaidDataDisks", PARAM_BOOL},
    END,
};
const struct param params_reset_instance[] = {
    INSTANCE_ID,
    {"ImageId", PARAM_TEXT, .max = 64},
    {"SystemDisk", PARAM_OBJECT, .members = system_disk},
    {"LoginSettings", PARAM_OBJECT, .members = login},
    {"EnhancedService", PARAM_OBJECT, .members = enhanced},
    {"HostName", PARAM_TEXT, .max = 128, .code = "InvalidParameterValue.IllegalHostName"},
    USER_DATA,
    END,
};
const struct param params_create_image[] = {
    {"ImageName", PARAM_TEXT, REQUIRED, .min = 1, .max = 60,
     .code = "InvalidParameterValue.TooLarge"},
    {"InstanceId", PARAM_TEXT, .max = 64},
    {"ImageDescription", PARAM_TEXT, .max = 256,
     .code = "InvalidParameterValue.TooLarge"},
    {"ForcePoweroff", PARAM_TEXT, .choices = "true|false|TRUE|FALSE"},
    {"Sysprep", PARAM_TEXT, .choices = "true|false|TRUE|FALSE"},
    {"DataDiskIds", PARAM_TEXTS, .max = 64, .items = 20},
    {"SnapshotIds", PARAM_TEXTS, .max = 64, .items = 20},
    DRY_RUN,
    {"TagSpecification", PARAM_OBJECTS, .members = image_tags, .items = 10},
    {"ImageFamily", PARAM_TEXT, .max = 128,
     .code = "InvalidParameterValue.InvalidImageFamily"},
    END,
};

const struct param params_describe_instance_type_configs[] = {FILTERS, END};
const struct param params_describe_zone_instance_config_infos[] = {FILTERS, END};

const struct param params_import_key_pair[] = {
    {"KeyName", PARAM_TEXT, REQUIRED, .min = 1, .max = 25,
     .code = "InvalidKeyPairName.TooLong"},
    {"ProjectId", PARAM_INT, .max = INT32_MAX},
    {"PublicKey", PARAM_TEXT, REQUIRED, .min = 1, .max = 16384,
     .code = "InvalidPublicKey.Malformed"},
    END,
};
const struct param params_describe_key_pairs[] = {
    {"KeyIds", PARAM_TEXTS, .max = 64, .items = 100},
    PAGE,
    END,
};
const struct param params_delete_key_pairs[] = {
    {"KeyIds", PARAM_TEXTS, REQUIRED, .max = 64, .items = 100},
    END,
};
