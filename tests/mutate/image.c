/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mutate/image.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "base/bytes.h"
#include "base/checked.h"

enum { SAVED_MAX = 1024, READS_MAX = 1 << 17 };

struct image_as_block {
    struct block block;
    struct image *image;
};

static void note_read(struct image *image, uint64_t off, size_t n)
{
    if (image->trace == TRACE_OFF || image->reads_n == READS_MAX)
        return;
    if (image->reads_n == image->reads_max) {
        image->reads_max = image->reads_max ? image->reads_max * 2 : 256;
        image->reads = realloc(image->reads, image->reads_max * sizeof *image->reads);
        if (!image->reads)
            abort();
    }
    image->reads[image->reads_n++] =
        (struct image_read){off, (uint32_t)n, image->trace == TRACE_CONTENT};
}

static int read_image(struct block *b, void *buf, size_t n, uint64_t off, struct err *err)
{
    struct image *image = CONTAINER_OF(b, struct image_as_block, block)->image;

    (void)err;
    note_read(image, off, n);
    memcpy(buf, image->p + off, n);
    return 0;
}

static int extent_image(struct block *b, struct extent *ret, uint64_t off,
                        struct err *err)
{
    struct image *image = CONTAINER_OF(b, struct image_as_block, block)->image;
    uint64_t page = off / IMAGE_PAGE, end = page;

    (void)err;
    while (end * IMAGE_PAGE < b->size && image->stored[end] == image->stored[page])
        end++;
    ret->kind = image->stored[page] ? EXTENT_DATA : EXTENT_HOLE;
    ret->length = min_u64(end * IMAGE_PAGE, b->size) - off;
    return 0;
}

static void close_image(struct block *b)
{
    free(CONTAINER_OF(b, struct image_as_block, block));
}

static const struct block_driver image_driver = {
    .name = "mutant",
    .read = read_image,
    .extent = extent_image,
    .close = close_image,
};

int image_block(struct block **ret, struct image *image, struct err *err)
{
    struct image_as_block *b = malloc(sizeof *b);

    if (!b)
        return FAIL(err, ERR_NOMEM, "block");
    b->image = image;
    block_init(&b->block, &image_driver, image->size);
    *ret = &b->block;
    return 0;
}

bool image_load(struct image *ret, const char *path)
{
    AUTO(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    uint64_t pages;

    *ret = (struct image){.path = path};
    if (size <= 0) {
        perror(path);
        return false;
    }
    ret->whole = ret->size = (uint64_t)size;
    /* To whole pages: what lies behind the end is zeros, and never part of the image. */
    ret->p = mmap(NULL, ret->whole, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    pages = div_up(ret->whole, IMAGE_PAGE);
    if (ret->p == MAP_FAILED)
        ret->p = NULL;
    ret->stored = calloc(pages, sizeof *ret->stored);
    ret->saved = malloc(SAVED_MAX * sizeof *ret->saved);
    if (!ret->p || !ret->stored || !ret->saved) {
        perror(path);
        return false;
    }
    for (uint64_t i = 0; i < pages; i++)
        ret->stored[i] = !bytes_are_zero(
            bytes_of(ret->p + i * IMAGE_PAGE,
                     (size_t)min_u64(IMAGE_PAGE, ret->whole - i * IMAGE_PAGE)));
    return true;
}

void image_unload(struct image *image)
{
    if (image->p)
        munmap(image->p, image->whole);
    free(image->stored);
    free(image->saved);
    free(image->reads);
}

static int by_place(const void *a, const void *b)
{
    const struct image_read *x = a, *y = b;

    if (x->off != y->off)
        return x->off < y->off ? -1 : 1;
    if (x->n != y->n)
        return x->n < y->n ? -1 : 1;
    return (int)x->content - (int)y->content;
}

static int by_kind(const void *a, const void *b)
{
    const struct image_read *x = a, *y = b;

    return x->content != y->content ? (int)x->content - (int)y->content : by_place(a, b);
}

void image_learnt(struct image *image)
{
    size_t n = 0;

    image->trace = TRACE_OFF;
    qsort(image->reads, image->reads_n, sizeof *image->reads, by_place);
    for (size_t i = 0; i < image->reads_n; i++) {
        const struct image_read *r = &image->reads[i];

        /* Zeros tell a parser little. */
        if (n && image->reads[n - 1].off == r->off && image->reads[n - 1].n == r->n)
            continue;
        if (!bytes_are_zero(bytes_of(image->p + r->off, r->n)))
            image->reads[n++] = *r;
    }
    image->reads_n = n;
    qsort(image->reads, n, sizeof *image->reads, by_kind);
    image->metadata_n = 0;
    while (image->metadata_n < n && !image->reads[image->metadata_n].content)
        image->metadata_n++;
}

static bool touch_page(struct image *image, uint64_t off)
{
    struct saved_page *s = &image->saved[image->saved_n];
    size_t n = (size_t)min_u64(IMAGE_PAGE, image->whole - off);

    for (size_t i = 0; i < image->saved_n; i++)
        if (image->saved[i].off == off)
            return true;
    if (image->saved_n == SAVED_MAX)
        return false;
    s->off = off;
    memcpy(s->bytes, image->p + off, n);
    image->stored[off / IMAGE_PAGE] = true;
    image->saved_n++;
    return true;
}

bool image_touch(struct image *image, uint64_t off, size_t n)
{
    uint64_t page = round_down(off, IMAGE_PAGE);

    if (!range_within(off, n, image->whole))
        return false;
    for (; page < off + n; page += IMAGE_PAGE)
        if (!touch_page(image, page))
            return false;
    return true;
}

void image_restore(struct image *image)
{
    while (image->saved_n) {
        const struct saved_page *s = &image->saved[--image->saved_n];
        size_t n = (size_t)min_u64(IMAGE_PAGE, image->whole - s->off);

        memcpy(image->p + s->off, s->bytes, n);
        image->stored[s->off / IMAGE_PAGE] = !bytes_are_zero(bytes_of(s->bytes, n));
    }
    image->size = image->whole;
}
