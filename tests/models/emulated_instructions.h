/* The instructions for products of pairs of bf16 numbers, in C: what they are said to do, but for the order in which a pair's two
   products are added. With -DEMULATED_TILES those of AMX, else AVX-512's. */
#include <stdint.h>
#include <string.h>

static inline float widened(uint32_t half) {
    const uint32_t bits = half << 16;
    float found;
    memcpy(&found, &bits, 4);
    return found;
}

#ifdef EMULATED_TILES
static struct { char bytes[16][64]; } emulated[8];
static int configured;

static inline void tile_load(int tile, const void *from, int64_t stride) {
    for (int i = 0; i < 16 && configured; i++) memcpy(emulated[tile].bytes[i], (const char *)from + i * stride, 64);
}

static inline void tile_store(int tile, void *to, int64_t stride) {
    for (int i = 0; i < 16 && configured; i++) memcpy((char *)to + i * stride, emulated[tile].bytes[i], 64);
}

static inline void tile_products(int sum, int a, int b) {
    for (int i = 0; i < 16 && configured; i++)
        for (int j = 0; j < 16; j++) {
            float found;
            memcpy(&found, emulated[sum].bytes[i] + 4 * j, 4);
            for (int p = 0; p < 16; p++) {
                uint32_t left, right;
                memcpy(&left, emulated[a].bytes[i] + 4 * p, 4);
                memcpy(&right, emulated[b].bytes[p] + 4 * j, 4);
                found += widened(left & 0xffff) * widened(right & 0xffff);
                found += widened(left >> 16) * widened(right >> 16);
            }
            memcpy(emulated[sum].bytes[i] + 4 * j, &found, 4);
        }
}

/* As the real one, it knows no tile whose shape is not 16 rows of 64 bytes here. */
static inline void tile_config(const void *from) {
    const uint8_t *bytes = from;
    configured = bytes[0] == 1;
    for (int i = 0; i < 8; i++) configured = configured && bytes[16 + 2 * i] == 64 && bytes[48 + i] == 16;
}

#define _tile_loadconfig(from) tile_config(from)
#define _tile_release() (configured = 0)
#define _tile_zero(tile) memset(&emulated[tile], 0, sizeof emulated[tile])
#define _tile_loadd(tile, from, stride) tile_load(tile, from, stride)
#define _tile_stored(tile, to, stride) tile_store(tile, to, stride)
#define _tile_dpbf16ps(sum, a, b) tile_products(sum, a, b)
#else
typedef float emulated_sums __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint32_t emulated_pairs __attribute__((vector_size(64), aligned(4), may_alias));

static inline emulated_sums add_pairs(emulated_sums sum, uint32_t a, emulated_pairs b) {
    for (int j = 0; j < 16; j++) {
        sum[j] += widened(a >> 16) * widened(b[j] >> 16);
        sum[j] += widened(a & 0xffff) * widened(b[j] & 0xffff);
    }
    return sum;
}
#endif
