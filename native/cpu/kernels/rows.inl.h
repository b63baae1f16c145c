// Operations on one row: the norm with the sum before it, the rotation of heads, and the loss.

// f(first, count) for the vectors of a row: sixteen columns each, the last what is left.
template <class F>
ZEST_INLINE void for_each_vector(int64_t columns, F f) {
  int64_t i = 0;
  for (; i + 16 <= columns; i += 16) f(i, 16);
  if (i < columns) f(i, static_cast<int>(columns - i));
}

static void normalize(float* out, const float* const* terms, int count, Norm norm,
                      const float* weight, const float* bias, float epsilon, int64_t columns) {
  const F32 scale = broadcast(1.0f / static_cast<float>(columns));
  F32 total = broadcast(0.0f);
  for_each_vector(
      columns, [&](int64_t i, int n) __attribute__((always_inline)) {
        F32 x = load_first(terms[0] + i, n);
        for (int t = 1; t < count; ++t) x = x + load_first(terms[t] + i, n);
        store_first(out + i, x, n);
        total = total + x;
      });
  if (!weight) return;
  const F32 mean = norm == Norm::layer ? broadcast(sum(total)) * scale : broadcast(0.0f);
  F32 squares = broadcast(0.0f);
  for_each_vector(
      columns, [&](int64_t i, int n) __attribute__((always_inline)) {
        const F32 x = keep_first(load_first(out + i, n) - mean, n);
        squares = mul_add(x, x, squares);
      });
  const F32 variance = broadcast(sum(squares)) * scale;
  const F32 inverse = broadcast(1.0f) / square_root(variance + broadcast(epsilon));
  for_each_vector(
      columns, [&](int64_t i, int n) __attribute__((always_inline)) {
        const F32 x = (load_first(out + i, n) - mean) * inverse;
        const F32 shift = bias ? load_first(bias + i, n) : broadcast(0.0f);
        store_first(out + i, mul_add(x, load_first(weight + i, n), shift), n);
      });
}

static void gate(float* y, const float* x, int64_t columns) {
  for_each_vector(
      columns, [&](int64_t i, int n) __attribute__((always_inline)) {
        store_first(y + i, load_first(y + i, n) * load_first(x + i, n), n);
      });
}

static void rotate(float* row, int64_t heads, int64_t width, const float* cosines,
                   const float* sines, int64_t half) {
  for (int64_t head = 0; head < heads; ++head, row += width) {
    for_each_vector(
        half, [&](int64_t i, int n) __attribute__((always_inline)) {
          const F32 c = load_first(cosines + i, n), s = load_first(sines + i, n);
          const F32 a = load_first(row + i, n), b = load_first(row + half + i, n);
          store_first(row + i, mul_add(a, c, broadcast(0.0f) - b * s), n);
          store_first(row + half + i, mul_add(b, c, a * s), n);
        });
  }
}

// log sum exp(logits) - logits[label], the sum over lanes in float32.
static float cross_entropy(const float* logits, int64_t count, int64_t label) {
  float top = logits[0];
  for (int64_t i = 1; i < count; ++i) top = logits[i] > top ? logits[i] : top;
  F32 total = broadcast(0.0f);
  for (int64_t i = 0; i < count; i += 16) {
    const int n = lanes_left(count - i, 0);
    total = total + keep_first(exponential(load_first(logits + i, n) - broadcast(top)), n);
  }
  return static_cast<float>(natural_log(static_cast<double>(sum(total))) +
                            (static_cast<double>(top) - logits[label]));
}
