// How floats are computed while a program runs, on every thread that runs a part of it: rounding to nearest,
// no traps, and numbers too small for a full significand taken and given as zero. Such denormal numbers cost
// many processors a hundred cycles each, and moments of optimizers that decay pile up in them.
#ifndef CELLC_FLOAT_MODE_H
#define CELLC_FLOAT_MODE_H

#include <stdint.h>

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#define CELLCI_SSE_MODE 0x9FC0u // flush results, take denormal operands as zero, all traps masked
#define CELLCI_AARCH64_MODE ((uint64_t)1 << 24) // FZ: both; conversions of half precision are not affected

// Sets the mode; what it was before, for `cellci_float_mode_restore`. Elsewhere than on x86 and AArch64
// nothing is set: results are those of IEEE 754.
static inline uint64_t cellci_float_mode_enter(void) {
#if defined(__SSE__)
  uint64_t before = _mm_getcsr();
  _mm_setcsr(CELLCI_SSE_MODE);
  return before;
#elif defined(__aarch64__)
  uint64_t before;
  __asm__ volatile("mrs %0, fpcr" : "=r"(before));
  __asm__ volatile("msr fpcr, %0" : : "r"(CELLCI_AARCH64_MODE) : "memory");
  return before;
#else
  return 0;
#endif
}

// The caller's mode, and the exceptions it had seen, as they were.
static inline void cellci_float_mode_restore(uint64_t before) {
#if defined(__SSE__)
  _mm_setcsr((unsigned)before);
#elif defined(__aarch64__)
  __asm__ volatile("msr fpcr, %0" : : "r"(before) : "memory");
#else
  (void)before;
#endif
}

#endif // CELLC_FLOAT_MODE_H
