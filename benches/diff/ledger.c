// A single-threaded service whose functions have known shares of the CPU time.
//
//   ledger CPU_SECONDS [FUNCTION FACTOR]
//
// FUNCTION does FACTOR times the work it would do. Each run works on other data, in bursts of other lengths.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FN static __attribute__((noinline, noclone))
enum { ROWS, PARSE, SCAN, HASH, SORT, WALK, FILL, CRC, ROUND, KINDS };
static const char *const NAMES[KINDS] = {"", "parse_rows", "scan_text", "hash_block", "sort_keys",
                                         "walk_list", "fill_matrix", "crc_pages", "round_cents"};
static double factor[KINDS];
static uint64_t state, sink;
static unsigned char text[1 << 16];
static uint32_t keys[4096], list[1 << 12], crc_table[256];
static double matrix[128][128];

FN uint64_t draw(void) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state;
}
FN void parse_rows(long n) {
    uint64_t sum = 0, value = 0;
    for (long i = 0; i < n; i++) {
        unsigned char c = text[i & 0xffff];
        if (c >= '0' && c <= '9') value = value * 10 + (c - '0');
        else sum += value, value = 0;
    }
    sink += sum;
}
FN void scan_text(long n) {
    long found = 0;
    for (long i = 0; i < n; i++) found += text[i & 0xffff] == 'x' && text[(i + 1) & 0xffff] == 'y';
    sink += found;
}
FN void hash_block(long n) {
    uint64_t h = 14695981039346656037u;
    for (long i = 0; i < n; i++) h = (h ^ text[i & 0xffff]) * 1099511628211u;
    sink += h;
}
FN void sort_keys(long n) {
    for (; n > 0; n -= 4096) {
        long count = n < 4096 ? n : 4096;
        for (long i = 0; i < count; i++) keys[i] = (uint32_t)(i * 2654435761u ^ state);
        for (long gap = count / 2; gap > 0; gap /= 2)
            for (long i = gap; i < count; i++) {
                uint32_t key = keys[i];
                long j = i;
                for (; j >= gap && keys[j - gap] > key; j -= gap) keys[j] = keys[j - gap];
                keys[j] = key;
            }
    }
    sink += keys[7];
}
FN void walk_list(long n) {
    uint32_t at = (uint32_t)(state & ((1 << 12) - 1));
    for (long i = 0; i < n; i++) at = list[at];
    sink += at;
}
FN void fill_matrix(long n) {
    double *cells = &matrix[0][0];
    for (long i = 0; i < n; i++) cells[i & 16383] = cells[(i * 7) & 16383] * 0.99 + (double)i;
    sink += (uint64_t)cells[5];
}
FN void crc_pages(long n) {
    uint32_t crc = ~0u;
    for (long i = 0; i < n; i++) crc = crc_table[(crc ^ text[i & 0xffff]) & 255] ^ (crc >> 8);
    sink += crc;
}
FN void round_cents(long n) {
    uint64_t cents = 0;
    for (long i = 0; i < n; i++) cents += (state + (uint64_t)i) / 97 % 100;
    sink += cents;
}
static long amount(int kind, long n) { return (long)((double)n * factor[kind]); }

FN void ingest(long n) {
    parse_rows(amount(PARSE, n * 9));
    scan_text(amount(SCAN, n * 12));
}
FN void index_rows(long n) {
    hash_block(amount(HASH, n * 11));
    sort_keys(amount(SORT, n));
}
FN void report(long n) {
    walk_list(amount(WALK, n * 3));
    fill_matrix(amount(FILL, n * 12));
    crc_pages(amount(CRC, n * 6));
    round_cents(amount(ROUND, n * 2));
}
FN void serve(void) {
    // A burst of requests of one kind follows another.
    long burst = 1 + (long)(draw() % 8), n = 3000 + (long)(draw() % 3000);
    uint64_t kind = draw() % 6;
    while (burst-- > 0) {
        ingest(kind == 0 ? n * 3 / 2 : n);
        index_rows(kind == 1 ? n * 3 / 2 : n);
        report(kind == 2 ? n * 3 / 2 : n);
    }
}
int main(int argc, char **argv) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    state = (uint64_t)now.tv_nsec * 2654435761u ^ (uint64_t)getpid() << 20 ^ (uint64_t)now.tv_sec;
    for (int kind = 0; kind < KINDS; kind++) factor[kind] = 1;
    if (argc == 4) {
        int kind = 1;
        while (kind < KINDS && strcmp(NAMES[kind], argv[2])) kind++;
        if (kind == KINDS) return fprintf(stderr, "there is no function %s\n", argv[2]), 2;
        factor[kind] = atof(argv[3]);
    }
    for (size_t i = 0; i < sizeof text; i++) text[i] = (unsigned char)(draw() % 3 ? '0' + draw() % 10 : 'p' + draw() % 16);
    for (uint32_t i = 0; i < 1 << 12; i++) list[i] = (i * 40503u + 12345u) & ((1 << 12) - 1);
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
        crc_table[i] = c;
    }
    double seconds = argc > 1 ? atof(argv[1]) : 5;
    do {
        serve();
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    } while ((double)now.tv_sec + 1e-9 * (double)now.tv_nsec < seconds);
    printf("%llu\n", (unsigned long long)sink);
}
