// The kernels over the lanes of one instruction set. ZEST_ISA is its namespace, ZEST_NAME its name,
// ZEST_LANES the header of its lanes, ZEST_KERNELS the table it fills.
#include "core/blocks.h"
#include "core/fused_multiply_add.h"
#include "core/noise/address.h"
#include "core/noise/box_muller.h"
#include "core/rule.h"
#include "cpu/kernels/kernels.h"

namespace zest::cpu::ZEST_ISA {
namespace {
#include ZEST_LANES
//
#include "cpu/kernels/math.inl.h"
#include "cpu/kernels/noise.inl.h"
//
#include "cpu/kernels/matmul.inl.h"
//
#include "cpu/kernels/attention.inl.h"
#include "cpu/kernels/rows.inl.h"
}  // namespace
}  // namespace zest::cpu::ZEST_ISA

namespace zest::cpu {

const Kernels ZEST_KERNELS = {
    ZEST_NAME,
    16 * ZEST_ISA::panel_vectors,
    ZEST_ISA::fill,
    ZEST_ISA::sum_of_squares,
    ZEST_ISA::factor,
    ZEST_ISA::direction,
    ZEST_ISA::perturb,
    ZEST_ISA::pack,
    ZEST_ISA::pack_columns,
    ZEST_ISA::multiply,
    ZEST_ISA::accumulate,
    ZEST_ISA::gate,
    ZEST_ISA::rotate,
    ZEST_ISA::attend,
    ZEST_ISA::normalize,
    ZEST_ISA::cross_entropy,
    ZEST_ISA::apply,
};

}  // namespace zest::cpu
