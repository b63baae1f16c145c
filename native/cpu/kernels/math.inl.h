// Exponential, error function and activations on sixteen lanes; errors are absolute, below 4e-7 of
// the result's scale.

// exp(x), x clamped to [-87, 88]; NaN stays NaN. Relative error below 2e-7.
ZEST_INLINE F32 exponential(F32 x) {
  x = smaller(broadcast(88.0f), larger(broadcast(-87.0f), x));
  const U32 n = to_integer(x * broadcast(0x1.715476p+0f));  // 1 / log 2
  const F32 whole = to_float(n);
  F32 r = mul_add(whole, broadcast(-0x1.62e4p-1f), x);  // log 2, first 13 bits and the rest
  r = mul_add(whole, broadcast(-0x1.7f7d1cp-20f), r);
  F32 p = broadcast(0x1.6a2502p-10f);
  p = mul_add(p, r, broadcast(0x1.1239dcp-7f));
  p = mul_add(p, r, broadcast(0x1.5558fp-5f));
  p = mul_add(p, r, broadcast(0x1.555492p-3f));
  p = mul_add(p, r, broadcast(0x1.fffffcp-2f));
  p = mul_add(p, r, broadcast(1.0f));
  p = mul_add(p, r, broadcast(1.0f));
  return p * float_of(shift_left<23>(n + broadcast(127u)));
}

// erf(z) = z P(z^2) / Q(z^2) on |z| <= 3.92, where 1 - erf is below 3e-8.
ZEST_INLINE F32 error_function(F32 z) {
  z = smaller(broadcast(3.92f), larger(broadcast(-3.92f), z));
  const F32 u = z * z;
  F32 p = broadcast(0x1.11198ap-19f);
  p = mul_add(p, u, broadcast(0x1.2d71aep-12f));
  p = mul_add(p, u, broadcast(0x1.fb0662p-9f));
  p = mul_add(p, u, broadcast(0x1.b2abacp-5f));
  p = mul_add(p, u, broadcast(0x1.8ac766p-3f));
  p = mul_add(p, u, broadcast(0x1.20dd72p+0f));
  F32 q = broadcast(0x1.3f5c78p-15f);
  q = mul_add(q, u, broadcast(0x1.37749cp-10f));
  q = mul_add(q, u, broadcast(0x1.f129dap-7f));
  q = mul_add(q, u, broadcast(0x1.d76296p-4f));
  q = mul_add(q, u, broadcast(0x1.0221bap-1f));
  q = mul_add(q, u, broadcast(1.0f));
  return z * p / q;
}

// tanh(x) = 1 - 2 / (exp(2x) + 1).
ZEST_INLINE F32 hyperbolic_tangent(F32 x) {
  return broadcast(1.0f) - broadcast(2.0f) / (exponential(x + x) + broadcast(1.0f));
}

ZEST_INLINE F32 sigmoid(F32 x) {
  return broadcast(1.0f) / (exponential(broadcast(0.0f) - x) + broadcast(1.0f));
}

template <int activation>
ZEST_INLINE F32 activate(F32 x) {
  if constexpr (activation == static_cast<int>(Activation::gelu_erf)) {
    const F32 half = x * broadcast(0.5f);
    return mul_add(half, error_function(x * broadcast(0x1.6a09e6p-1f)), half);  // x / sqrt 2
  } else if constexpr (activation == static_cast<int>(Activation::gelu_tanh)) {
    const F32 half = x * broadcast(0.5f);
    const F32 cubic = mul_add(x * x * x, broadcast(0x1.6e4e26p-5f), x);  // 0.044715
    return mul_add(half, hyperbolic_tangent(cubic * broadcast(0x1.988454p-1f)),
                   half);  // sqrt(2 / pi)
  } else if constexpr (activation == static_cast<int>(Activation::gelu_quick)) {
    return x * sigmoid(x * broadcast(0x1.b3b646p+0f));  // 1.702
  } else if constexpr (activation == static_cast<int>(Activation::relu)) {
    return larger(broadcast(0.0f), x);
  } else if constexpr (activation == static_cast<int>(Activation::silu)) {
    return x * sigmoid(x);
  } else if constexpr (activation == static_cast<int>(Activation::tanh)) {
    return hyperbolic_tangent(x);
  } else {
    return x;
  }
}

// Sum and maximum of sixteen lanes by halves: lane i with i + 8, then 4, 2, 1.
ZEST_INLINE float sum(F32 a) {
  float v[16];
  store(v, a);
  for (int width = 8; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) v[i] = v[i] + v[i + width];
  }
  return v[0];
}
ZEST_INLINE float maximum(F32 a) {
  float v[16];
  store(v, a);
  for (int width = 8; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) v[i] = v[i] > v[i + width] ? v[i] : v[i + width];
  }
  return v[0];
}
