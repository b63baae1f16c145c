// Sixteen lanes in plain C++, for processors without AVX2 and as the plain reading of the other
// two.
#define ZEST_INLINE static inline __attribute__((always_inline))

struct F32 {
  float v[16];
};
struct U32 {
  uint32_t v[16];
};

constexpr int tile_rows = 4;
constexpr int panel_vectors = 1;

template <class R, class A, class F>
ZEST_INLINE R each(A a, F f) {
  R r;
  for (int i = 0; i < 16; ++i) r.v[i] = f(a.v[i]);
  return r;
}
template <class R, class A, class F>
ZEST_INLINE R each(A a, A b, F f) {
  R r;
  for (int i = 0; i < 16; ++i) r.v[i] = f(a.v[i], b.v[i]);
  return r;
}

ZEST_INLINE F32 broadcast(float a) {
  F32 r;
  for (int i = 0; i < 16; ++i) r.v[i] = a;
  return r;
}
// n in [0, 16]: the lanes from n on are 0, or are not written.
ZEST_INLINE F32 load_first(const float* p, int n) {
  F32 r;
  for (int i = 0; i < 16; ++i) r.v[i] = i < n ? p[i] : 0.0f;
  return r;
}
ZEST_INLINE void store_first(float* p, F32 a, int n) {
  for (int i = 0; i < n; ++i) p[i] = a.v[i];
}
ZEST_INLINE F32 load(const float* p) {
  F32 r;
  for (int i = 0; i < 16; ++i) r.v[i] = p[i];
  return r;
}
ZEST_INLINE void store(float* p, F32 a) {
  for (int i = 0; i < 16; ++i) p[i] = a.v[i];
}
ZEST_INLINE F32 keep_first(F32 a, int n) {
  for (int i = 0; i < 16; ++i) a.v[i] = i < n ? a.v[i] : 0.0f;
  return a;
}

ZEST_INLINE F32 operator+(F32 a, F32 b) {
  return each<F32>(a, b, [](float x, float y) { return x + y; });
}
ZEST_INLINE F32 operator-(F32 a, F32 b) {
  return each<F32>(a, b, [](float x, float y) { return x - y; });
}
ZEST_INLINE F32 operator*(F32 a, F32 b) {
  return each<F32>(a, b, [](float x, float y) { return x * y; });
}
ZEST_INLINE F32 operator/(F32 a, F32 b) {
  return each<F32>(a, b, [](float x, float y) { return x / y; });
}
ZEST_INLINE F32 mul_add(F32 a, F32 b, F32 c) {
  F32 r;
  for (int i = 0; i < 16; ++i) r.v[i] = fused_multiply_add(a.v[i], b.v[i], c.v[i]);
  return r;
}
ZEST_INLINE F32 square_root(F32 a) {
  return each<F32>(a, [](float x) { return __builtin_sqrtf(x); });
}
// b where a is NaN, on every instruction set.
ZEST_INLINE F32 larger(F32 a, F32 b) {
  return each<F32>(a, b, [](float x, float y) { return x > y ? x : y; });
}
ZEST_INLINE F32 smaller(F32 a, F32 b) {
  return each<F32>(a, b, [](float x, float y) { return x < y ? x : y; });
}

ZEST_INLINE U32 broadcast(uint32_t a) {
  U32 r;
  for (int i = 0; i < 16; ++i) r.v[i] = a;
  return r;
}
ZEST_INLINE U32 load(const uint32_t* p) {
  U32 r;
  for (int i = 0; i < 16; ++i) r.v[i] = p[i];
  return r;
}
ZEST_INLINE void store(uint32_t* p, U32 a) {
  for (int i = 0; i < 16; ++i) p[i] = a.v[i];
}
ZEST_INLINE U32 operator+(U32 a, U32 b) {
  return each<U32>(a, b, [](uint32_t x, uint32_t y) { return x + y; });
}
ZEST_INLINE U32 operator-(U32 a, U32 b) {
  return each<U32>(a, b, [](uint32_t x, uint32_t y) { return x - y; });
}
ZEST_INLINE U32 operator&(U32 a, U32 b) {
  return each<U32>(a, b, [](uint32_t x, uint32_t y) { return x & y; });
}
ZEST_INLINE U32 operator^(U32 a, U32 b) {
  return each<U32>(a, b, [](uint32_t x, uint32_t y) { return x ^ y; });
}
template <int n>
ZEST_INLINE U32 shift_left(U32 a) {
  return each<U32>(a, [](uint32_t x) { return x << n; });
}
template <int n>
ZEST_INLINE U32 shift_right(U32 a) {
  return each<U32>(a, [](uint32_t x) { return x >> n; });
}
template <int n>
ZEST_INLINE U32 shift_right_signed(U32 a) {
  return each<U32>(a,
                   [](uint32_t x) { return static_cast<uint32_t>(static_cast<int32_t>(x) >> n); });
}
ZEST_INLINE U32 bits_of(F32 a) {
  U32 r;
  __builtin_memcpy(&r, &a, sizeof r);
  return r;
}
ZEST_INLINE F32 float_of(U32 a) {
  F32 r;
  __builtin_memcpy(&r, &a, sizeof r);
  return r;
}
ZEST_INLINE F32 to_float(U32 a) {
  return each<F32>(a, [](uint32_t x) { return static_cast<float>(static_cast<int32_t>(x)); });
}
// To the nearest integer, ties to even; |a| < 2^31.
ZEST_INLINE U32 to_integer(F32 a) {
  return each<U32>(a, [](float x) { return static_cast<uint32_t>(__builtin_lrintf(x)); });
}
// a where x < 0, else b.
ZEST_INLINE F32 select_negative(F32 x, F32 a, F32 b) {
  const U32 sign = bits_of(x);
  for (int i = 0; i < 16; ++i) a.v[i] = sign.v[i] >> 31 ? a.v[i] : b.v[i];
  return a;
}
// `set` in the lanes whose bit n is.
template <int n>
ZEST_INLINE F32 select_bit(U32 bits, F32 set, F32 clear) {
  return select_negative(float_of(shift_left<31 - n>(bits)), set, clear);
}
// -a in the lanes whose top bit is set.
ZEST_INLINE F32 flip_sign(F32 a, U32 top_bit) {
  return float_of(bits_of(a) ^ (top_bit & broadcast(0x80000000u)));
}
// -1 in the lanes whose bit is set, else 1.
ZEST_INLINE F32 signs(uint32_t bits) {
  F32 r;
  for (int i = 0; i < 16; ++i) r.v[i] = bits >> i & 1u ? -1.0f : 1.0f;
  return r;
}
// bfloat16 to float.
ZEST_INLINE F32 widen(const uint16_t* p, int n) {
  U32 r;
  for (int i = 0; i < 16; ++i) r.v[i] = i < n ? static_cast<uint32_t>(p[i]) << 16 : 0u;
  return float_of(r);
}
// Signed bytes to float.
ZEST_INLINE F32 widen(const int8_t* p) {
  F32 r;
  for (int i = 0; i < 16; ++i) r.v[i] = static_cast<float>(p[i]);
  return r;
}
ZEST_INLINE void store_high_halves(uint16_t* p, U32 a, int n) {
  for (int i = 0; i < n; ++i) p[i] = static_cast<uint16_t>(a.v[i] >> 16);
}
// Sum of sixteen unsigned values.
ZEST_INLINE int64_t sum(U32 a) {
  int64_t total = 0;
  for (int i = 0; i < 16; ++i) total += a.v[i];
  return total;
}

// Philox on the counters counter + lane, counter a multiple of 16.
ZEST_INLINE void philox(uint64_t seed, uint64_t stream, uint64_t counter, U32 words[4]) {
  for (int lane = 0; lane < 16; ++lane) {
    const philox::Block block = philox::block(seed, stream, counter + lane);
    for (int i = 0; i < 4; ++i) words[i].v[lane] = block.word[i];
  }
}

// out[j * out_stride + i] = in[i * in_stride + j], 16 x 16.
ZEST_INLINE void transpose(const float* in, int64_t in_stride, float* out, int64_t out_stride) {
  for (int i = 0; i < 16; ++i) {
    for (int j = 0; j < 16; ++j) out[j * out_stride + i] = in[i * in_stride + j];
  }
}
