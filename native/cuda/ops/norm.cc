// Norms, and linear layers with what follows in the same pass over memory: bias, residual,
// activation, gate.
#include "cuda/ops/forward.h"

namespace zest::cuda {

// to = norm(sum + bias); the bias may be null.
void Forward::add_and_norm(const void* sum, const float* bias, const NormRoles& roles, State to,
                           Tokens tokens) {
  Normalization n;
  n.sum = static_cast<const float*>(sum);
  n.bias = bias;
  n.norm = norm(roles);
  n.points = passes_, n.rows = rows_of(tokens);
  n.columns = columns(to), n.stride = padded8(columns(to));
  n.hidden = state(to).values.data();
  n.operand = second(to);
  cuda::normalize(n, main_);
}

// out = product + bias, for more to be said.
BiasActivation Forward::with_bias(const LinearRoles& linear, const Operand& product, int64_t rows,
                                  const Operand& out) const {
  BiasActivation b;
  b.product = product.data;
  b.stride = product.stride;
  b.columns = all_outputs(linear).count;
  b.bias = vector(linear.bias);
  b.vector_stride = weights_.vector_floats();
  b.points = passes_, b.rows = rows;
  b.out = out;
  return b;
}

void Forward::normalize(const NormRoles& norm, State from, State to, Tokens tokens) {
  add_and_norm(state(from).values.data(), nullptr, norm, to, tokens);
}

// The product is added to the residual where that lies: nothing reads it afterwards, and its bytes
// come while the product computes.
void Forward::add(const LinearRoles& linear, State from, State residual, const NormRoles& norm,
                  State to, Tokens tokens) {
  float* values = state(residual).values.data();
  const Operand sum = {values, StorageType::float32, padded8(columns(residual))};
  multiply(linear, all_outputs(linear), operand(from), rows_of(tokens), sum, true);
  const bool done = to == residual && norm.weight < 0 && linear.bias < 0 && !second(to).data;
  if (!done) add_and_norm(values, vector(linear.bias), norm, to, tokens);
}

void Forward::activate(const LinearRoles& linear, State from, Activation activation,
                       const NormRoles& norm, State to, Tokens tokens) {
  const int64_t rows = rows_of(tokens);
  const bool normed = norm.weight >= 0;  // in place, and what is normed is not rounded before
  const Operand product = normed ? summed(linear, product_) : rounded(linear, product_);
  multiply(linear, operand(from), rows, product);
  BiasActivation b = with_bias(linear, product, rows, normed ? product : operand(to));
  b.activation = static_cast<int>(activation);
  bias_activation(b, main_);
  if (normed) add_and_norm(product.data, nullptr, norm, to, tokens);
}

void Forward::gate(const LinearRoles& gate, const LinearRoles& linear, State from,
                   Activation activation, State to, Tokens tokens) {
  const int64_t rows = rows_of(tokens);
  const LinearRoles* linears[] = {&gate, &linear};
  const std::vector<Operand> products = side_by_side(linears, product_);
  multiply(linears, operand(from), rows, products);
  BiasActivation b = with_bias(linear, products[1], rows, operand(to));
  b.activation = static_cast<int>(activation);
  b.gate = products[0].data;
  b.gate_bias = vector(gate.bias);
  bias_activation(b, main_);
}

void Forward::project(const LinearRoles& linear, State from, State to, Tokens tokens) {
  const int64_t rows = rows_of(tokens);
  const Operand product = rounded(linear, product_);
  multiply(linear, operand(from), rows, product);
  bias_activation(with_bias(linear, product, rows, operand(to)), main_);
}

}  // namespace zest::cuda
