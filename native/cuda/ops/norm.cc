// Norms, and linear layers with what follows in the same pass over memory: bias, residual,
// activation, gate.
#include "cuda/ops/forward.h"

namespace zest::cuda {

// to = norm(product + bias + residual); bias and residual may be null.
void Forward::add_and_norm(const float* product, const float* bias, const float* residual,
                           const NormRoles& roles, State to, Tokens tokens) {
  Normalization n;
  n.product = product;
  n.product_bias = bias;
  n.residual = residual;
  n.norm = norm(roles);
  n.points = passes_, n.rows = rows_of(tokens);
  n.columns = columns(to), n.stride = padded8(columns(to));
  n.hidden = state(to).values.data();
  n.operand = second(to);
  cuda::normalize(n, main_);
}

// out = product_ + bias, for more to be said.
BiasActivation Forward::with_bias(const LinearRoles& linear, int64_t rows,
                                  const Operand& out) const {
  BiasActivation b;
  b.product = product_.data();
  b.columns = all_outputs(linear).count;
  b.stride = padded8(b.columns);
  b.bias = vector(linear.bias);
  b.vector_stride = weights_.vector_floats();
  b.points = passes_, b.rows = rows;
  b.out = out;
  return b;
}

void Forward::normalize(const NormRoles& norm, State from, State to, Tokens tokens) {
  add_and_norm(state(from).values.data(), nullptr, nullptr, norm, to, tokens);
}

void Forward::add(const LinearRoles& linear, State from, State residual, const NormRoles& norm,
                  State to, Tokens tokens) {
  multiply(linear, operand(from), rows_of(tokens), product_);
  add_and_norm(product_.data(), vector(linear.bias), state(residual).values.data(), norm, to,
               tokens);
}

void Forward::activate(const LinearRoles& linear, State from, Activation activation,
                       const NormRoles& norm, State to, Tokens tokens) {
  const int64_t rows = rows_of(tokens);
  multiply(linear, operand(from), rows, product_);
  BiasActivation b = with_bias(linear, rows, operand(to));
  b.activation = static_cast<int>(activation);
  if (norm.weight >= 0) b.out = {product_.data(), StorageType::float32, b.stride};
  bias_activation(b, main_);
  if (norm.weight >= 0) add_and_norm(product_.data(), nullptr, nullptr, norm, to, tokens);
}

void Forward::gate(const LinearRoles& gate, const LinearRoles& linear, State from,
                   Activation activation, State to, Tokens tokens) {
  const int64_t rows = rows_of(tokens);
  multiply(gate, operand(from), rows, gate_product_);
  multiply(linear, operand(from), rows, product_);
  BiasActivation b = with_bias(linear, rows, operand(to));
  b.activation = static_cast<int>(activation);
  b.gate = gate_product_.data();
  b.gate_bias = vector(gate.bias);
  bias_activation(b, main_);
}

void Forward::project(const LinearRoles& linear, State from, State to, Tokens tokens) {
  const int64_t rows = rows_of(tokens);
  multiply(linear, operand(from), rows, product_);
  bias_activation(with_bias(linear, rows, operand(to)), main_);
}

}  // namespace zest::cuda
