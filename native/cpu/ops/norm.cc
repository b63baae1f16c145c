// Norms, with the sums, activations and gates before them.
#include <initializer_list>

#include "cpu/kernels/dispatch.h"
#include "cpu/ops/forward.h"

namespace zest::cpu {

void Forward::sum(const Activations& a, const Activations* b, const NormRoles& roles, int64_t rows,
                  int64_t columns, Activations& out) {
  const int64_t stride = row_stride(columns);
  for (int p = 0; p < points_; ++p) out.reserve(p, rows * stride);
  for_rows(rows, [&](int p, int64_t first, int64_t end) {
    for (int64_t i = first; i < end; ++i) {
      const float* terms[2] = {a[p] + i * stride, b ? (*b)[p] + i * stride : nullptr};
      kernels().normalize(out[p] + i * stride, terms, b ? 2 : 1, spec_.norm,
                          vector(p, roles.weight), vector(p, roles.bias), spec_.norm_epsilon,
                          columns);
    }
  });
}

void Forward::normalize(const NormRoles& norm, State from, State to, Tokens tokens) {
  sum(state(from), nullptr, norm, rows_of(tokens), columns(from), state(to));
}

void Forward::add(const LinearRoles& linear, State from, State residual, const NormRoles& norm,
                  State to, Tokens tokens) {
  const int64_t rows = rows_of(tokens);
  multiply(std::initializer_list<Linear>{whole(linear, state(from), rows, product_)});
  sum(product_, &state(residual), norm, rows, columns(to), state(to));
}

void Forward::activate(const LinearRoles& linear, State from, Activation activation,
                       const NormRoles& norm, State to, Tokens tokens) {
  const int64_t rows = rows_of(tokens);
  const bool normalized = norm.weight >= 0 || from == to;
  multiply(std::initializer_list<Linear>{whole(
      linear, state(from), rows, normalized ? product_ : state(to), static_cast<int>(activation))});
  if (normalized) sum(product_, nullptr, norm, rows, columns(to), state(to));
}

void Forward::gate(const LinearRoles& gate, const LinearRoles& linear, State from,
                   Activation activation, State to, Tokens tokens) {
  const int64_t rows = rows_of(tokens), stride = row_stride(columns(to));
  multiply(std::initializer_list<Linear>{
      whole(gate, state(from), rows, state(to), static_cast<int>(activation)),
      whole(linear, state(from), rows, product_)});
  for_rows(rows, [&](int p, int64_t first, int64_t end) {
    for (int64_t i = first; i < end; ++i)
      kernels().gate(state(to)[p] + i * stride, product_[p] + i * stride, columns(to));
  });
}

void Forward::project(const LinearRoles& linear, State from, State to, Tokens tokens) {
  multiply(std::initializer_list<Linear>{whole(linear, state(from), rows_of(tokens), state(to))});
}

}  // namespace zest::cpu
