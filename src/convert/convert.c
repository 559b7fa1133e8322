/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "convert/convert.h"

#include <assert.h>
#include <inttypes.h>
#include <sched.h>

#include "base/checked.h"
#include "base/log.h"
#include "convert/out.h"
#include "convert/plan.h"
#include "convert/ring.h"
#include "convert/sink.h"

enum {
    PLAN_STRIDE = 4096, /* extents walked between two questions whether to go on */
    LARGE_THREADS = 8,  /* at most, for batches to be large: 24 MiB of them */
};

struct job {
    const struct convert_options *options;
    struct out out;
    uint32_t cluster;     /* bytes */
    uint64_t batch;       /* bytes */
    uint64_t done, total; /* bytes of ranges */
    uint64_t data_clusters;
};

static void job_fini(struct job *j)
{
    out_close(&j->out);
}

static int report(struct job *j, const char *phase, struct err *err)
{
    const struct convert_options *o = j->options;
    struct convert_progress p = {phase, j->done, j->total, j->out.written};

    if (o->progress && o->progress(o->progress_arg, &p))
        return FAIL(err, ERR_CANCELED, "conversion canceled");
    return 0;
}

static struct plan plan_of(const struct job *j)
{
    return plan_begin(j->options->source, j->cluster, j->batch);
}

/* The plan is walked twice, here for its sum alone: that costs less than to keep it. */
static int measure(struct job *j, struct err *err)
{
    struct plan plan = plan_of(j);
    struct range range;
    uint64_t sum = 0;
    int r;

    for (unsigned n = 0;; n++) {
        if (n % PLAN_STRIDE == 0) {
            r = report(j, "plan", err);
            if (r < 0)
                return r;
        }
        r = plan_next(&range, &plan, err);
        if (r < 0)
            return r;
        if (r == 0)
            break;
        sum += range.length;
    }
    j->total = sum;
    return 0;
}

static unsigned thread_count(const struct job *j)
{
    uint64_t batches =
        j->options->flow ? UINT64_MAX : max_u64(div_up(j->total, j->batch), 1);
    unsigned n = j->options->threads;
    cpu_set_t cpus;

    if (n == 0) {
        n = sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? (unsigned)CPU_COUNT(&cpus)
                                                          : 1;
        n = (unsigned)max_u64(n, j->options->threads_least);
    }
    return (unsigned)min_u64(min_u64(n, RING_THREADS_MAX), batches);
}

/* Are batches worth a huge page each? */
static bool large_pays(const struct job *j, const struct sink *sink)
{
    return j->options->direct && !j->options->flow && sink->pack == PACK_PLAIN &&
           thread_count(j) <= LARGE_THREADS;
}

/* What was packed is not the disk's any more. */
static struct origin origin_of(const struct job *j, const struct sink *sink,
                               const struct batch *b, const struct cluster *c)
{
    uint64_t guest = c->index * j->cluster;

    if (c->length != j->cluster || sink->pack == PACK_GRAIN ||
        (j->out.clone.refused && !b->unread))
        return (struct origin){.n = 0};
    return (struct origin){b->data + (guest - b->offset), c->length, guest, b->unread};
}

static int batch_write(struct job *j, struct sink *sink, const struct batch *b,
                       struct err *err)
{
    for (unsigned i = 0; i < b->count; i++) {
        const struct cluster *c = &b->clusters[i];
        int r;

        j->out.origin = origin_of(j, sink, b, c);
        r = sink->driver->put(sink, c, err);
        if (r < 0)
            return r;
    }
    j->data_clusters += b->count;
    return out_flush(&j->out, err);
}

static int next_range(struct range *ret, struct job *j, struct plan *plan,
                      struct err *err)
{
    struct flow *flow = j->options->flow;

    return flow ? flow_next(flow, &ret->offset, &ret->length, err)
                : plan_next(ret, plan, err);
}

/* Keeps the ring full, and writes what comes out of it. */
static int conduct(struct job *j, struct sink *sink, struct err *err)
{
    AUTO(block_unrefp) struct block *tap = NULL;
    AUTO(ring_freep) struct ring *ring = NULL;
    struct flow *flow = j->options->flow;
    struct block *source = flow ? flow_disk(flow) : j->options->source;
    struct plan plan = plan_of(j);
    const struct batch *b = NULL;
    bool more = true;
    int r;

    if (j->total == 0 && !flow)
        return 0;
    if (j->options->tally) {
        j->options->tally->unit = (uint32_t)min_u64(j->cluster, CONVERT_CLUSTER);
        r = tally_tap_open(&tap, source, j->options->tally, err);
        if (r < 0)
            return r;
        source = tap;
    }
    r = ring_new(&ring,
                 &(struct ring_spec){
                     .source = source,
                     .pack = sink->pack,
                     .cluster = j->cluster,
                     .batch = j->batch,
                     .threads = thread_count(j),
                     .writer_waits = j->options->direct != 0,
                     .clone = sink->driver->blind && sink->pack == PACK_PLAIN
                                  ? &j->out.clone
                                  : NULL,
                 },
                 err);
    if (r < 0)
        return r;
    for (;;) {
        while (more && !ring_is_full(ring)) {
            struct range range;

            r = next_range(&range, j, &plan, err);
            if (r < 0)
                return r;
            more = r > 0;
            if (more)
                ring_put(ring, range);
        }
        if (ring_is_empty(ring))
            return 0;
        r = ring_wait(&b, ring, err);
        if (r < 0)
            return r;
        r = batch_write(j, sink, b, err);
        if (r < 0)
            return r;
        /* All is not done before the tables are written; and a source that grows has
         * more than was measured. */
        j->done = flow ? j->done + b->length : min_u64(j->done + b->length, j->total - 1);
        ring_drop(ring);
        if (flow)
            flow_drop(flow);
        r = report(j, "convert", err);
        if (r < 0)
            return r;
    }
}

static const struct sink_driver *find_sink(const struct convert_options *o,
                                           struct err *err)
{
    const char *kind = o->kind ? o->kind : "";
    const struct sink_driver *driver = sink_find(o->format, kind);

    if (!driver)
        FAIL(err, ERR_ARG, "%s is not written as \"%s\"", image_format_name(o->format),
             kind);
    return driver;
}

bool convert_needs_size(const struct convert_options *options)
{
    const struct sink_driver *driver = find_sink(options, NULL);

    /* The L1 table of a qcow2 stands before its data: a page of it is enough, unless
     * clusters are small. */
    return driver && (!driver->set_size ||
                      (options->cluster && options->cluster < CONVERT_CLUSTER));
}

/* A guest sees sectors; a file that ends within one is taken as padded with zeros. */
static int guest_size(uint64_t *ret, uint64_t size, struct err *err)
{
    if (size > INT64_MAX)
        return FAIL(err, ERR_LIMIT, "a disk of %" PRIu64 " bytes, limit 2^63", size);
    *ret = round_up(size, 512);
    return 0;
}

static int make_spec(struct sink_spec *ret, const struct convert_options *o,
                     const struct sink_driver *driver, struct err *err)
{
    struct sink_spec spec = {
        .cluster = o->cluster ? o->cluster : CONVERT_CLUSTER,
        .compression =
            o->compression == CONVERT_USUAL ? driver->compression : o->compression,
        .name = o->name ? o->name : "",
    };

    if (!driver->holds(spec.compression))
        return FAIL(err, ERR_ARG, "%s%s%s does not hold this kind of compression",
                    image_format_name(driver->format), *driver->kind ? " " : "",
                    driver->kind);
    if (spec.cluster < CONVERT_CLUSTER_MIN || spec.cluster > CONVERT_CLUSTER_MAX ||
        (spec.cluster & (spec.cluster - 1)))
        return FAIL(err, ERR_ARG,
                    "a cluster size of %" PRIu32
                    " bytes: it is a power of two from %d to "
                    "%d",
                    spec.cluster, CONVERT_CLUSTER_MIN, CONVERT_CLUSTER_MAX);
    if (spec.cluster != CONVERT_CLUSTER && !driver->any_cluster_size)
        return FAIL(err, ERR_ARG, "%s has no cluster size to choose",
                    image_format_name(driver->format));
    if (o->flow && flow_size(o->flow) == FLOW_SIZE_LATER) {
        if (convert_needs_size(o))
            return FAIL(err, ERR_ARG, "%s needs to know the size of the disk first",
                        image_format_name(driver->format));
        spec.virtual_size = SINK_SIZE_LATER;
    } else {
        int r = guest_size(&spec.virtual_size,
                           o->flow ? flow_size(o->flow) : o->source->size, err);

        if (r < 0)
            return r;
    }
    *ret = spec;
    return 0;
}

/* The disk has ended: what was not known can be. */
static int set_size(struct job *j, struct sink *sink, const struct sink_spec *spec,
                    struct err *err)
{
    uint64_t size = 0;
    int r;

    if (spec->virtual_size != SINK_SIZE_LATER)
        return 0;
    r = guest_size(&size, flow_size(j->options->flow), err);
    return r < 0 ? r : sink->driver->set_size(sink, size, err);
}

int convert_run(struct convert_result *ret, const struct convert_options *options,
                struct err *err)
{
    AUTO(sink_closep) struct sink *sink = NULL;
    const struct sink_driver *driver = find_sink(options, err);
    AUTO(job_fini) struct job j = {.options = options};
    struct sink_spec spec;
    uint64_t file_size = 0;
    int r;

    if (!driver)
        return -ERR_ARG;
    r = out_open(&j.out, options->fd, options->direct, err);
    if (r < 0)
        return r;
    clone_begin(&j.out.clone, options->flow ? NULL : options->source, options->clone_unit,
                options->clone);
    r = make_spec(&spec, options, driver, err);
    if (r == 0)
        r = driver->open(&sink, &j.out, &spec, err);
    if (r < 0)
        return r;
    j.cluster = spec.cluster;
    j.batch = max_u64(CONVERT_BATCH, spec.cluster);
    if (options->flow)
        flow_begin(options->flow, j.cluster, j.batch);
    else
        r = measure(&j, err);
    if (r < 0)
        return r;
    if (large_pays(&j, sink))
        j.batch = CONVERT_BATCH_LARGE;
    log_debug(LOG_CONVERT, "%" PRIu64 " of %" PRIu64 " bytes to read, %u threads",
              j.total, spec.virtual_size, thread_count(&j));
    r = conduct(&j, sink, err);
    if (r == 0)
        r = set_size(&j, sink, &spec, err);
    if (r < 0)
        return r;
    r = driver->finish(sink, &file_size, err);
    if (r < 0)
        return r;
    j.done = j.total = max_u64(j.total, j.done);
    r = report(&j, "flush", err);
    if (r < 0)
        return r;
    *ret = (struct convert_result){
        .virtual_size = sink->virtual_size,
        .data_bytes = j.data_clusters * j.cluster,
        .file_size = file_size,
        .cloned_bytes = j.out.clone.bytes,
        .kind = driver->kind,
        .compression = spec.compression,
    };
    return 0;
}
