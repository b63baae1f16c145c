#include "core/floating_point.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace zest {

#if defined(__x86_64__)
DefaultFloatingPoint::DefaultFloatingPoint() : saved_(_mm_getcsr()) { _mm_setcsr(0x1f80); }
DefaultFloatingPoint::~DefaultFloatingPoint() { _mm_setcsr(saved_); }
#elif defined(__aarch64__)
// Directly: fesetenv leaves some modes of FPCR as they are.
DefaultFloatingPoint::DefaultFloatingPoint() {
  __asm__ volatile("mrs %0, fpcr" : "=r"(saved_));
  __asm__ volatile("msr fpcr, %0" : : "r"(uint64_t{0}));
}
DefaultFloatingPoint::~DefaultFloatingPoint() { __asm__ volatile("msr fpcr, %0" : : "r"(saved_)); }
#else
DefaultFloatingPoint::DefaultFloatingPoint() {
  std::fegetenv(&saved_);
  std::fesetenv(FE_DFL_ENV);
}
DefaultFloatingPoint::~DefaultFloatingPoint() { std::fesetenv(&saved_); }
#endif

}  // namespace zest
