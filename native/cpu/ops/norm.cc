// Norms, with the sums and activations before them.
#include <algorithm>
#include <initializer_list>

#include "cpu/kernels/dispatch.h"
#include "cpu/ops/forward.h"

namespace zest::cpu {

void Forward::normalize(const Activations& a, const Activations* b, const NormRoles& roles,
                        int64_t rows, Activations& out) {
  const int64_t hidden = spec_.hidden, stride = row_stride(hidden);
  for (int p = 0; p < points_; ++p) out.reserve(p, rows * stride);
  const int64_t row_parts = parts(rows, rows_at_once);
  pool_.run(points_ * row_parts, [&](int64_t item, int) {
    const int p = static_cast<int>(item / row_parts);
    const int64_t first = item % row_parts * rows_at_once;
    for (int64_t i = first; i < std::min(first + rows_at_once, rows); ++i) {
      const float* terms[2] = {a[p] + i * stride, b ? (*b)[p] + i * stride : nullptr};
      kernels().normalize(out[p] + i * stride, terms, b ? 2 : 1, vector(p, roles.weight),
                          vector(p, roles.bias), spec_.norm_epsilon, hidden);
    }
  });
}

void Forward::add(const LinearRoles& linear, State from, State residual, const NormRoles& norm,
                  State to, Tokens tokens) {
  const int64_t rows = rows_of(tokens);
  multiply(std::initializer_list<Linear>{whole(linear, state(from), rows, projected_, -1)});
  normalize(projected_, &state(residual), norm, rows, state(to));
}

void Forward::activate(const LinearRoles& linear, State from, Activation activation,
                       const NormRoles& norm, State to, Tokens tokens) {
  const int64_t rows = rows_of(tokens);
  const bool normalized = norm.weight >= 0;
  multiply(std::initializer_list<Linear>{whole(linear, state(from), rows,
                                               normalized ? projected_ : state(to),
                                               static_cast<int>(activation))});
  if (normalized) normalize(projected_, nullptr, norm, rows, state(to));
}

}  // namespace zest::cpu
