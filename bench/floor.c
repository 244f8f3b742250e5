/* The floor: the least a C program can do for the same answer, with no care for bad input. Never shipped.
 *
 *   floor map IMAGE      the lines of qemu-img map --output=json
 *   floor check IMAGE    every reference once in a bitmap, qcow2 counts compared with it; prints what it counted
 *
 * Clusters of any size, standard L2 entries, 16-bit refcounts, no snapshots: what generate.mjs makes. */
#include <endian.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fd, qed;
static uint64_t cluster, size, l1_entries, l2_bytes, entries, rt_offset, rt_clusters;
static uint64_t *l1, *table;

static void get(void *to, uint64_t length, uint64_t offset)
{
    for (uint64_t done = 0; done < length;) {
        ssize_t n = pread(fd, (char *)to + done, length - done, offset + done);
        if (n < 0) exit(1);
        if (n == 0) { memset((char *)to + done, 0, length - done); return; }
        done += n;
    }
}

static void open_image(const char *path)
{
    uint8_t h[512] = {0};
    fd = open(path, O_RDONLY);
    if (fd < 0) exit(1);
    get(h, sizeof h, 0);
    qed = memcmp(h, "QED", 4) == 0;
    uint64_t l1_offset;
    if (qed) {
        cluster = le32toh(*(uint32_t *)(h + 4));
        l2_bytes = cluster * le32toh(*(uint32_t *)(h + 8));
        l1_offset = le64toh(*(uint64_t *)(h + 40));
        size = le64toh(*(uint64_t *)(h + 48));
    } else {
        cluster = 1ull << be32toh(*(uint32_t *)(h + 20));
        l2_bytes = cluster;
        size = be64toh(*(uint64_t *)(h + 24));
        l1_offset = be64toh(*(uint64_t *)(h + 40));
        rt_offset = be64toh(*(uint64_t *)(h + 48));
        rt_clusters = be32toh(*(uint32_t *)(h + 56));
    }
    entries = l2_bytes / 8;
    l1_entries = (size + cluster * entries - 1) / (cluster * entries);
    l1 = malloc(l1_entries * 8 + 8);
    table = malloc(l2_bytes);
    get(l1, l1_entries * 8, l1_offset);
    for (uint64_t i = 0; i < l1_entries; i++) l1[i] = qed ? le64toh(l1[i]) : be64toh(l1[i]) & 0x00fffffffffffe00ull;
}

/* Host offset, or 0 unallocated, or 1 zero. */
static inline uint64_t entry(uint64_t raw)
{
    if (qed) return le64toh(raw);
    uint64_t e = be64toh(raw);
    return e & 1 ? 1 : e & 0x00fffffffffffe00ull;
}

static char out[1 << 20];
static size_t used;

static inline void text(const char *s, size_t n) { memcpy(out + used, s, n); used += n; }
#define TEXT(s) text(s, sizeof s - 1)

static inline void number(uint64_t n)
{
    char digits[20];
    int i = 20;
    do digits[--i] = '0' + n % 10; while (n /= 10);
    text(digits + i, 20 - i);
}

static int first = 1;

static void line(uint64_t start, uint64_t length, uint64_t host)
{
    if (used > sizeof out - 256) {
        if (write(1, out, used) < 0) exit(1);
        used = 0;
    }
    if (first) TEXT("["); else TEXT(",\n");
    first = 0;
    TEXT("{ \"start\": ");
    number(start);
    TEXT(", \"length\": ");
    number(length);
    if (host > 1) {
        TEXT(", \"depth\": 0, \"present\": true, \"zero\": false, \"data\": true, \"offset\": ");
        number(host);
        TEXT("}");
    } else if (host == 1) TEXT(", \"depth\": 0, \"present\": true, \"zero\": true, \"data\": false}");
    else TEXT(", \"depth\": 0, \"present\": false, \"zero\": true, \"data\": false}");
}

static void map(void)
{
    uint64_t start = 0, host = 0, next = 0, guest = 0;
    int have = 0;
    for (uint64_t i = 0; i < l1_entries; i++) {
        if (l1[i]) get(table, l2_bytes, l1[i]);
        else memset(table, 0, l2_bytes);
        for (uint64_t j = 0; j < entries && guest < size; j++, guest += cluster) {
            uint64_t e = entry(table[j]);
            if (have && (e > 1 ? e == next : e == next && host <= 1)) {
                if (e > 1) next += cluster;
                continue;
            }
            if (have) line(start, guest - start, host);
            have = 1;
            start = guest;
            host = e;
            next = e > 1 ? e + cluster : e;
        }
    }
    if (have) line(start, size - start, host);
    TEXT("]\n");
    if (write(1, out, used) < 0) exit(1);
}

static void check(void)
{
    struct stat st;
    fstat(fd, &st);
    uint64_t clusters = (st.st_size + cluster - 1) / cluster, bad = 0, leaks = 0, data = 0;
    uint64_t *seen = calloc(clusters / 64 + 1, 8);
    uint64_t per = l2_bytes / cluster;
#define SEE(c) do { uint64_t c_ = (c); if (c_ >= clusters || seen[c_ >> 6] >> (c_ & 63) & 1) bad++; else seen[c_ >> 6] |= 1ull << (c_ & 63); } while (0)
    int shift = __builtin_ctzll(cluster);
    for (uint64_t i = 0; i < l1_entries; i++) {
        if (!l1[i]) continue;
        for (uint64_t k = 0; k < per; k++) SEE((l1[i] >> shift) + k);
        get(table, l2_bytes, l1[i]);
        for (uint64_t j = 0; j < entries; j++) {
            uint64_t e = entry(table[j]);
            if (e > 1) { SEE(e >> shift); data++; }
        }
    }
    if (!qed) {
        uint64_t n = rt_clusters * cluster / 8, per_block = cluster / 2;
        uint64_t *rt = malloc(rt_clusters * cluster);
        uint16_t *counts = malloc(cluster);
        get(rt, rt_clusters * cluster, rt_offset);
        uint64_t l1_clusters = (l1_entries * 8 + cluster - 1) / cluster;
        for (uint64_t k = 0; k < 1 + rt_clusters + l1_clusters; k++) leaks--; /* header, table, L1: not walked here */
        for (uint64_t b = 0; b < n; b++) {
            if (!rt[b]) continue;
            uint64_t at = be64toh(rt[b]);
            SEE(at >> shift);
        }
        for (uint64_t b = 0; b < n; b++) {
            if (!rt[b]) continue;
            get(counts, cluster, be64toh(rt[b]));
            for (uint64_t k = 0; k < per_block; k++) {
                uint64_t c = b * per_block + k;
                unsigned is = be16toh(counts[k]), want = c < clusters ? seen[c >> 6] >> (c & 63) & 1 : 0;
                if (is > want) leaks++;
                else if (is < want) bad++;
            }
        }
    }
    printf("%llu data, %llu bad, %lld leaks\n", (unsigned long long)data, (unsigned long long)bad, (long long)leaks);
}

int main(int argc, char **argv)
{
    if (argc != 3) return 1;
    open_image(argv[2]);
    if (!strcmp(argv[1], "map")) map();
    else check();
    return 0;
}
