// Which CPU levels (x86-64 psABI: v2, v3, v4; AArch64: neon) this processor and system run.
#include "cpu_level.h"

#include <string.h>

static const char *const x86_levels[] = {"v1", "v2", "v3", "v4"};
static const char *const x86_meaning[] = {"", "SSE4.2", "AVX2 and FMA", "AVX-512"};
#define X86_COUNT (int)(sizeof x86_levels / sizeof *x86_levels)

static int x86_rank(const char *level) {
  for (int rank = 0; rank < X86_COUNT; rank++)
    if (strcmp(x86_levels[rank], level) == 0)
      return rank;
  return -1;
}

#if defined(__x86_64__)
#include <cpuid.h>

#define BIT(n) (1u << (n))

// Leaf 1, ecx: SSE3, SSSE3, CMPXCHG16B, SSE4.1, SSE4.2, POPCNT; then FMA, MOVBE, OSXSAVE, AVX, F16C.
static const uint32_t V2_LEAF_1 = BIT(0) | BIT(9) | BIT(13) | BIT(19) | BIT(20) | BIT(23);
static const uint32_t V3_LEAF_1 = BIT(12) | BIT(22) | BIT(27) | BIT(28) | BIT(29);
// Leaf 7, ebx: BMI1, AVX2, BMI2; then AVX-512 F, DQ, CD, BW, VL.
static const uint32_t V3_LEAF_7 = BIT(3) | BIT(5) | BIT(8);
static const uint32_t V4_LEAF_7 = BIT(16) | BIT(17) | BIT(28) | BIT(30) | BIT(31);
static const uint32_t LZCNT = BIT(5); // leaf 0x80000001, ecx
// What the system saves of a thread: SSE and AVX registers; then masks and the AVX-512 registers.
static const uint32_t V3_STATE = BIT(1) | BIT(2);
static const uint32_t V4_STATE = BIT(5) | BIT(6) | BIT(7);

static bool has(uint32_t bits, uint32_t needed) { return (bits & needed) == needed; }

static uint32_t saved_state(void) {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

static int native_rank(void) {
  uint32_t a, b, c, d, leaf_1, leaf_7 = 0, extended = 0;
  if (!__get_cpuid(1, &a, &b, &leaf_1, &d) || !has(leaf_1, V2_LEAF_1))
    return 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d))
    leaf_7 = b;
  if (__get_cpuid(0x80000001u, &a, &b, &c, &d))
    extended = c;
  if (!has(leaf_1, V3_LEAF_1) || !has(leaf_7, V3_LEAF_7) || !has(extended, LZCNT) ||
      !has(saved_state(), V3_STATE))
    return 1;
  return has(leaf_7, V4_LEAF_7) && has(saved_state(), V4_STATE) ? 3 : 2;
}

const char *cellci_cpu_level(void) { return x86_levels[native_rank()]; }

bool cellci_cpu_runs(const char *level) {
  int rank = x86_rank(level);
  return rank >= 0 && rank <= native_rank();
}
#elif defined(__aarch64__)
const char *cellci_cpu_level(void) { return "neon"; }

bool cellci_cpu_runs(const char *level) { return strcmp(level, "neon") == 0; }
#else
const char *cellci_cpu_level(void) { return "none known"; }

bool cellci_cpu_runs(const char *level) {
  (void)level;
  return false;
}
#endif

const char *cellci_cpu_level_meaning(const char *level) {
  int rank = x86_rank(level);
  return rank >= 0 ? x86_meaning[rank] : "";
}
