// The kernels for the avx512 instruction set; compiled with its flags, so nothing inline of the
// standard library here.
#include <immintrin.h>

#include "core/noise/address.h"
#include "core/noise/box_muller.h"
#include "cpu/kernels.h"

#define ZEST_ISA avx512

namespace zest::cpu::ZEST_ISA {
namespace {
#include "cpu/lanes_avx512.h"
//
#include "cpu/math.inl.h"
#include "cpu/noise.inl.h"
//
#include "cpu/matmul.inl.h"
//
#include "cpu/attention.inl.h"
#include "cpu/rows.inl.h"
}  // namespace
}  // namespace zest::cpu::ZEST_ISA

namespace zest::cpu {

const Kernels kernels_avx512 = {
    "avx512",
    16 * ZEST_ISA::panel_vectors,
    ZEST_ISA::fill,
    ZEST_ISA::sum_of_squares,
    ZEST_ISA::factor,
    ZEST_ISA::direction,
    ZEST_ISA::perturb,
    ZEST_ISA::pack,
    ZEST_ISA::multiply,
    ZEST_ISA::accumulate,
    ZEST_ISA::attend,
    ZEST_ISA::normalize,
    ZEST_ISA::cross_entropy,
    ZEST_ISA::apply,
};

}  // namespace zest::cpu
