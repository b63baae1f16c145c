// Linear layers with what follows in the same pass over memory: bias, residual, activation, norm.
#include "cuda/ops/forward.h"

namespace zest::cuda {

void Forward::add(const LinearRoles& linear, State from, State residual, const NormRoles& roles,
                  State to, Tokens tokens) {
  const int64_t rows = rows_of(tokens), outputs = outputs_of(linear);
  multiply(linear, {nullptr, outputs}, operand(from), rows, product_);
  Normalization n;
  n.product = product_.data();
  n.product_bias = vector(linear.bias);
  n.residual = state(residual).values.data();
  n.norm = norm(roles);
  n.points = passes_, n.rows = rows, n.columns = outputs, n.stride = padded8(outputs);
  n.hidden = state(to).values.data();
  n.operand = second(to);
  normalize(n, main_);
}

void Forward::activate(const LinearRoles& linear, State from, Activation activation,
                       const NormRoles& roles, State to, Tokens tokens) {
  const int64_t rows = rows_of(tokens), outputs = outputs_of(linear), stride = padded8(outputs);
  const bool normalized = roles.weight >= 0;
  multiply(linear, {nullptr, outputs}, operand(from), rows, product_);
  BiasActivation b;
  b.product = product_.data();
  b.stride = stride;
  b.bias = vector(linear.bias);
  b.vector_stride = weights_.vector_floats();
  b.activation = static_cast<int>(activation);
  b.points = passes_, b.rows = rows, b.columns = outputs;
  b.out = normalized ? Operand{product_.data(), StorageType::float32, stride} : operand(to);
  bias_activation(b, main_);
  if (!normalized) return;
  Normalization n;
  n.product = product_.data();
  n.norm = norm(roles);
  n.points = passes_, n.rows = rows, n.columns = outputs, n.stride = stride;
  n.hidden = state(to).values.data();
  n.operand = second(to);
  normalize(n, main_);
}

}  // namespace zest::cuda
