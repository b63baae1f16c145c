// Sixteen lanes in two AVX2 registers. Included inside the namespace of that instruction set.
#define ZEST_INLINE static inline __attribute__((always_inline))

struct F32 {
  __m256 l, h;
};
struct U32 {
  __m256i l, h;
};

constexpr int tile_rows = 6;  // accumulators: 6 x 2 registers, 2 for the panel, 1 for the broadcast
constexpr int panel_vectors = 1;

ZEST_INLINE F32 broadcast(float a) { return {_mm256_set1_ps(a), _mm256_set1_ps(a)}; }
ZEST_INLINE F32 load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
ZEST_INLINE void store(float* p, F32 a) {
  _mm256_storeu_ps(p, a.l);
  _mm256_storeu_ps(p + 8, a.h);
}
ZEST_INLINE __m256i first_of_eight(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
// n in [0, 16]: the lanes from n on are 0, or are not written.
ZEST_INLINE F32 load_first(const float* p, int n) {
  if (__builtin_constant_p(n) && n == 16) return load(p);
  return {_mm256_maskload_ps(p, first_of_eight(n)),
          _mm256_maskload_ps(p + 8, first_of_eight(n - 8))};
}
ZEST_INLINE void store_first(float* p, F32 a, int n) {
  if (__builtin_constant_p(n) && n == 16) return store(p, a);
  _mm256_maskstore_ps(p, first_of_eight(n), a.l);
  _mm256_maskstore_ps(p + 8, first_of_eight(n - 8), a.h);
}
ZEST_INLINE F32 keep_first(F32 a, int n) {
  if (__builtin_constant_p(n) && n == 16) return a;
  return {_mm256_and_ps(a.l, _mm256_castsi256_ps(first_of_eight(n))),
          _mm256_and_ps(a.h, _mm256_castsi256_ps(first_of_eight(n - 8)))};
}

ZEST_INLINE F32 operator+(F32 a, F32 b) {
  return {_mm256_add_ps(a.l, b.l), _mm256_add_ps(a.h, b.h)};
}
ZEST_INLINE F32 operator-(F32 a, F32 b) {
  return {_mm256_sub_ps(a.l, b.l), _mm256_sub_ps(a.h, b.h)};
}
ZEST_INLINE F32 operator*(F32 a, F32 b) {
  return {_mm256_mul_ps(a.l, b.l), _mm256_mul_ps(a.h, b.h)};
}
ZEST_INLINE F32 operator/(F32 a, F32 b) {
  return {_mm256_div_ps(a.l, b.l), _mm256_div_ps(a.h, b.h)};
}
ZEST_INLINE F32 mul_add(F32 a, F32 b, F32 c) {
  return {_mm256_fmadd_ps(a.l, b.l, c.l), _mm256_fmadd_ps(a.h, b.h, c.h)};
}
ZEST_INLINE F32 square_root(F32 a) { return {_mm256_sqrt_ps(a.l), _mm256_sqrt_ps(a.h)}; }
// b where a is NaN, on every instruction set.
ZEST_INLINE F32 larger(F32 a, F32 b) { return {_mm256_max_ps(a.l, b.l), _mm256_max_ps(a.h, b.h)}; }
ZEST_INLINE F32 smaller(F32 a, F32 b) { return {_mm256_min_ps(a.l, b.l), _mm256_min_ps(a.h, b.h)}; }
// a where x < 0, else b.
ZEST_INLINE F32 select_negative(F32 x, F32 a, F32 b) {
  return {_mm256_blendv_ps(b.l, a.l, x.l), _mm256_blendv_ps(b.h, a.h, x.h)};
}

ZEST_INLINE U32 broadcast(uint32_t a) {
  return {_mm256_set1_epi32(static_cast<int>(a)), _mm256_set1_epi32(static_cast<int>(a))};
}
ZEST_INLINE U32 load(const uint32_t* p) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)),
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 8))};
}
ZEST_INLINE void store(uint32_t* p, U32 a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), a.l);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 8), a.h);
}
ZEST_INLINE U32 operator+(U32 a, U32 b) {
  return {_mm256_add_epi32(a.l, b.l), _mm256_add_epi32(a.h, b.h)};
}
ZEST_INLINE U32 operator-(U32 a, U32 b) {
  return {_mm256_sub_epi32(a.l, b.l), _mm256_sub_epi32(a.h, b.h)};
}
ZEST_INLINE U32 operator&(U32 a, U32 b) {
  return {_mm256_and_si256(a.l, b.l), _mm256_and_si256(a.h, b.h)};
}
ZEST_INLINE U32 operator^(U32 a, U32 b) {
  return {_mm256_xor_si256(a.l, b.l), _mm256_xor_si256(a.h, b.h)};
}
template <int n>
ZEST_INLINE U32 shift_left(U32 a) {
  return {_mm256_slli_epi32(a.l, n), _mm256_slli_epi32(a.h, n)};
}
template <int n>
ZEST_INLINE U32 shift_right(U32 a) {
  return {_mm256_srli_epi32(a.l, n), _mm256_srli_epi32(a.h, n)};
}
template <int n>
ZEST_INLINE U32 shift_right_signed(U32 a) {
  return {_mm256_srai_epi32(a.l, n), _mm256_srai_epi32(a.h, n)};
}
ZEST_INLINE U32 bits_of(F32 a) { return {_mm256_castps_si256(a.l), _mm256_castps_si256(a.h)}; }
ZEST_INLINE F32 float_of(U32 a) { return {_mm256_castsi256_ps(a.l), _mm256_castsi256_ps(a.h)}; }
ZEST_INLINE F32 to_float(U32 a) { return {_mm256_cvtepi32_ps(a.l), _mm256_cvtepi32_ps(a.h)}; }
// To the nearest integer, ties to even; |a| < 2^31.
ZEST_INLINE U32 to_integer(F32 a) { return {_mm256_cvtps_epi32(a.l), _mm256_cvtps_epi32(a.h)}; }
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
  const __m256i all = _mm256_set1_epi32(static_cast<int>(bits));
  const __m256i low = _mm256_sllv_epi32(all, _mm256_setr_epi32(31, 30, 29, 28, 27, 26, 25, 24));
  const __m256i high = _mm256_sllv_epi32(all, _mm256_setr_epi32(23, 22, 21, 20, 19, 18, 17, 16));
  const __m256i sign = _mm256_set1_epi32(static_cast<int>(0x80000000u));
  const __m256i one = _mm256_set1_epi32(0x3f800000);
  return {_mm256_castsi256_ps(_mm256_or_si256(one, _mm256_and_si256(low, sign))),
          _mm256_castsi256_ps(_mm256_or_si256(one, _mm256_and_si256(high, sign)))};
}
// bfloat16 to float.
ZEST_INLINE F32 widen(const uint16_t* p, int n) {
  alignas(32) uint32_t wide[16] = {};
  for (int i = 0; i < n; ++i) wide[i] = static_cast<uint32_t>(p[i]) << 16;
  return float_of(load(wide));
}
// Signed bytes to float.
ZEST_INLINE F32 widen(const int8_t* p) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)),
          _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8)))};
}
ZEST_INLINE void store_high_halves(uint16_t* p, U32 a, int n) {
  alignas(32) uint32_t wide[16];
  store(wide, a);
  for (int i = 0; i < n; ++i) p[i] = static_cast<uint16_t>(wide[i] >> 16);
}
// Sum of sixteen unsigned values.
ZEST_INLINE int64_t sum(U32 a) {
  alignas(32) uint32_t values[16];
  store(values, a);
  int64_t total = 0;
  for (int i = 0; i < 16; ++i) total += values[i];
  return total;
}

// Philox on the counters counter + lane, counter a multiple of 16. Even and odd lanes are kept in
// the low halves of 64-bit elements, whose high halves are never read, so that no round has to
// merge its products.
ZEST_INLINE void philox_eight(uint64_t seed, uint64_t stream, uint64_t counter, __m256i words[4]) {
  const philox::Start start(seed, stream, counter);
  const __m256i m0 = _mm256_set1_epi64x(philox::multiplier_0),
                m1 = _mm256_set1_epi64x(philox::multiplier_1);
  const __m256i low = _mm256_set1_epi64x(static_cast<int64_t>(counter & 0xffffffffu));
  __m256i a3 = _mm256_mul_epu32(m0, _mm256_add_epi64(low, _mm256_setr_epi64x(0, 1, 4, 5)));
  __m256i b3 = _mm256_mul_epu32(m0, _mm256_add_epi64(low, _mm256_setr_epi64x(2, 3, 6, 7)));
  const __m256i first2 = _mm256_set1_epi64x(start.first2);
  __m256i a1 = _mm256_mul_epu32(m1, _mm256_xor_si256(_mm256_srli_epi64(a3, 32), first2));
  __m256i b1 = _mm256_mul_epu32(m1, _mm256_xor_si256(_mm256_srli_epi64(b3, 32), first2));
  const __m256i second0 = _mm256_set1_epi64x(start.second0),
                second2 = _mm256_set1_epi64x(start.second2);
  __m256i a0 = _mm256_xor_si256(_mm256_srli_epi64(a1, 32), second0);
  __m256i b0 = _mm256_xor_si256(_mm256_srli_epi64(b1, 32), second0);
  __m256i a2 = _mm256_xor_si256(a3, second2), b2 = _mm256_xor_si256(b3, second2);
  a3 = b3 = _mm256_set1_epi64x(start.second3);
  uint32_t k0 = start.key0, k1 = start.key1;
#pragma GCC unroll 8
  for (int round = 2; round < philox::rounds; ++round) {
    const __m256i key0 = _mm256_set1_epi64x(k0), key1 = _mm256_set1_epi64x(k1);
    const __m256i pa0 = _mm256_mul_epu32(m0, a0), pa1 = _mm256_mul_epu32(m1, a2);
    const __m256i pb0 = _mm256_mul_epu32(m0, b0), pb1 = _mm256_mul_epu32(m1, b2);
    a0 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(pa1, 32), a1), key0);
    b0 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(pb1, 32), b1), key0);
    a2 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(pa0, 32), a3), key1);
    b2 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(pb0, 32), b3), key1);
    a1 = pa1, b1 = pb1, a3 = pa0, b3 = pb0;
    k0 += philox::weyl_0;
    k1 += philox::weyl_1;
  }
  const __m256i a[4] = {a0, a1, a2, a3}, b[4] = {b0, b1, b2, b3};
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i)
    words[i] = _mm256_castps_si256(
        _mm256_shuffle_ps(_mm256_castsi256_ps(a[i]), _mm256_castsi256_ps(b[i]), 0x88));
}
ZEST_INLINE void philox(uint64_t seed, uint64_t stream, uint64_t counter, U32 words[4]) {
  __m256i low[4], high[4];
  philox_eight(seed, stream, counter, low);
  philox_eight(seed, stream, counter + 8, high);
  for (int i = 0; i < 4; ++i) words[i] = {low[i], high[i]};
}

ZEST_INLINE void transpose_eight(const float* in, int64_t in_stride, float* out,
                                 int64_t out_stride) {
  __m256 r[8], t[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) r[i] = _mm256_loadu_ps(in + i * in_stride);
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
    r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xEE);
    r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xEE);
  }
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) {
    _mm256_storeu_ps(out + c * out_stride, _mm256_permute2f128_ps(r[c], r[4 + c], 0x20));
    _mm256_storeu_ps(out + (4 + c) * out_stride, _mm256_permute2f128_ps(r[c], r[4 + c], 0x31));
  }
}
// out[j * out_stride + i] = in[i * in_stride + j], 16 x 16.
ZEST_INLINE void transpose(const float* in, int64_t in_stride, float* out, int64_t out_stride) {
  transpose_eight(in, in_stride, out, out_stride);
  transpose_eight(in + 8, in_stride, out + 8 * out_stride, out_stride);
  transpose_eight(in + 8 * in_stride, in_stride, out + 8, out_stride);
  transpose_eight(in + 8 * in_stride + 8, in_stride, out + 8 * out_stride + 8, out_stride);
}
