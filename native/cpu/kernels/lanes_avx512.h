// Sixteen lanes in one AVX-512 register. Included inside the namespace of that instruction set.
#define ZEST_INLINE static inline __attribute__((always_inline))

struct F32 {
  __m512 v;
};
struct U32 {
  __m512i v;
};

constexpr int tile_rows =
    14;  // accumulators: 14 x 2 registers, 2 for the panel, the rest broadcast from memory
constexpr int panel_vectors = 2;

ZEST_INLINE F32 broadcast(float a) { return {_mm512_set1_ps(a)}; }
ZEST_INLINE F32 load(const float* p) { return {_mm512_loadu_ps(p)}; }
ZEST_INLINE void store(float* p, F32 a) { _mm512_storeu_ps(p, a.v); }
ZEST_INLINE __mmask16 first(int n) { return static_cast<__mmask16>((1u << n) - 1u); }
// n in [0, 16]: the lanes from n on are 0, or are not written.
ZEST_INLINE F32 load_first(const float* p, int n) { return {_mm512_maskz_loadu_ps(first(n), p)}; }
ZEST_INLINE void store_first(float* p, F32 a, int n) { _mm512_mask_storeu_ps(p, first(n), a.v); }
ZEST_INLINE F32 keep_first(F32 a, int n) { return {_mm512_maskz_mov_ps(first(n), a.v)}; }

ZEST_INLINE F32 operator+(F32 a, F32 b) { return {_mm512_add_ps(a.v, b.v)}; }
ZEST_INLINE F32 operator-(F32 a, F32 b) { return {_mm512_sub_ps(a.v, b.v)}; }
ZEST_INLINE F32 operator*(F32 a, F32 b) { return {_mm512_mul_ps(a.v, b.v)}; }
ZEST_INLINE F32 operator/(F32 a, F32 b) { return {_mm512_div_ps(a.v, b.v)}; }
ZEST_INLINE F32 mul_add(F32 a, F32 b, F32 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
ZEST_INLINE F32 square_root(F32 a) { return {_mm512_sqrt_ps(a.v)}; }
// b where a is NaN, on every instruction set.
ZEST_INLINE F32 larger(F32 a, F32 b) { return {_mm512_max_ps(a.v, b.v)}; }
ZEST_INLINE F32 smaller(F32 a, F32 b) { return {_mm512_min_ps(a.v, b.v)}; }
// a where x < 0, else b.
ZEST_INLINE F32 select_negative(F32 x, F32 a, F32 b) {
  return {_mm512_mask_blend_ps(_mm512_movepi32_mask(_mm512_castps_si512(x.v)), b.v, a.v)};
}

ZEST_INLINE U32 broadcast(uint32_t a) { return {_mm512_set1_epi32(static_cast<int>(a))}; }
ZEST_INLINE U32 load(const uint32_t* p) { return {_mm512_loadu_si512(p)}; }
ZEST_INLINE void store(uint32_t* p, U32 a) { _mm512_storeu_si512(p, a.v); }
ZEST_INLINE U32 operator+(U32 a, U32 b) { return {_mm512_add_epi32(a.v, b.v)}; }
ZEST_INLINE U32 operator-(U32 a, U32 b) { return {_mm512_sub_epi32(a.v, b.v)}; }
ZEST_INLINE U32 operator&(U32 a, U32 b) { return {_mm512_and_si512(a.v, b.v)}; }
ZEST_INLINE U32 operator^(U32 a, U32 b) { return {_mm512_xor_si512(a.v, b.v)}; }
template <int n>
ZEST_INLINE U32 shift_left(U32 a) {
  return {_mm512_slli_epi32(a.v, n)};
}
template <int n>
ZEST_INLINE U32 shift_right(U32 a) {
  return {_mm512_srli_epi32(a.v, n)};
}
template <int n>
ZEST_INLINE U32 shift_right_signed(U32 a) {
  return {_mm512_srai_epi32(a.v, n)};
}
ZEST_INLINE U32 bits_of(F32 a) { return {_mm512_castps_si512(a.v)}; }
ZEST_INLINE F32 float_of(U32 a) { return {_mm512_castsi512_ps(a.v)}; }
ZEST_INLINE F32 to_float(U32 a) { return {_mm512_cvtepi32_ps(a.v)}; }
// To the nearest integer, ties to even; |a| < 2^31.
ZEST_INLINE U32 to_integer(F32 a) { return {_mm512_cvtps_epi32(a.v)}; }
// `set` in the lanes whose bit n is.
template <int n>
ZEST_INLINE F32 select_bit(U32 bits, F32 set, F32 clear) {
  const __mmask16 mask = _mm512_test_epi32_mask(bits.v, _mm512_set1_epi32(1 << n));
  return {_mm512_mask_blend_ps(mask, clear.v, set.v)};
}
// -a in the lanes whose top bit is set.
ZEST_INLINE F32 flip_sign(F32 a, U32 top_bit) {
  const __m512i sign = _mm512_set1_epi32(static_cast<int>(0x80000000u));
  // a ^ (top_bit & sign)
  return {_mm512_castsi512_ps(
      _mm512_ternarylogic_epi32(_mm512_castps_si512(a.v), top_bit.v, sign, 0x78))};
}
// -1 in the lanes whose bit is set, else 1.
ZEST_INLINE F32 signs(uint32_t bits) {
  return {_mm512_mask_blend_ps(static_cast<__mmask16>(bits), _mm512_set1_ps(1.0f),
                               _mm512_set1_ps(-1.0f))};
}
// bfloat16 to float.
ZEST_INLINE F32 widen(const uint16_t* p, int n) {
  const __m256i half = _mm256_maskz_loadu_epi16(first(n), p);
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16))};
}
// Signed bytes to float.
ZEST_INLINE F32 widen(const int8_t* p) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes))};
}
ZEST_INLINE void store_high_halves(uint16_t* p, U32 a, int n) {
  _mm256_mask_storeu_epi16(p, first(n), _mm512_cvtepi32_epi16(_mm512_srli_epi32(a.v, 16)));
}
// Sum of sixteen unsigned values.
ZEST_INLINE int64_t sum(U32 a) {
  return _mm512_reduce_add_epi64(_mm512_add_epi64(
      _mm512_and_si512(a.v, _mm512_set1_epi64(0xffffffff)), _mm512_srli_epi64(a.v, 32)));
}

// Philox on the counters counter + lane, counter a multiple of 16. Lanes are kept in the low halves
// of 64-bit elements, whose high halves are never read, so that no round has to merge its products:
// pairs of lanes alternate between a and b, as the shuffle at the end takes them. Lanes differ in
// the counter's low word alone, which takes two rounds to reach every word: those are `Start`'s.
ZEST_INLINE void philox(uint64_t seed, uint64_t stream, uint64_t counter, U32 words[4]) {
  const philox::Start start(seed, stream, counter);
  const __m512i m0 = _mm512_set1_epi64(philox::multiplier_0),
                m1 = _mm512_set1_epi64(philox::multiplier_1);
  const __m512i low = _mm512_set1_epi64(static_cast<int64_t>(counter & 0xffffffffu));
  __m512i a3 =
      _mm512_mul_epu32(m0, _mm512_add_epi64(low, _mm512_setr_epi64(0, 1, 4, 5, 8, 9, 12, 13)));
  __m512i b3 =
      _mm512_mul_epu32(m0, _mm512_add_epi64(low, _mm512_setr_epi64(2, 3, 6, 7, 10, 11, 14, 15)));
  const __m512i first2 = _mm512_set1_epi64(start.first2);
  __m512i a1 = _mm512_mul_epu32(m1, _mm512_xor_si512(_mm512_srli_epi64(a3, 32), first2));
  __m512i b1 = _mm512_mul_epu32(m1, _mm512_xor_si512(_mm512_srli_epi64(b3, 32), first2));
  const __m512i second0 = _mm512_set1_epi64(start.second0),
                second2 = _mm512_set1_epi64(start.second2);
  __m512i a0 = _mm512_xor_si512(_mm512_srli_epi64(a1, 32), second0);
  __m512i b0 = _mm512_xor_si512(_mm512_srli_epi64(b1, 32), second0);
  __m512i a2 = _mm512_xor_si512(a3, second2), b2 = _mm512_xor_si512(b3, second2);
  a3 = b3 = _mm512_set1_epi64(start.second3);
  uint32_t k0 = start.key0, k1 = start.key1;
#pragma GCC unroll 8
  for (int round = 2; round < philox::rounds; ++round) {
    const __m512i key0 = _mm512_set1_epi64(k0), key1 = _mm512_set1_epi64(k1);
    const __m512i pa0 = _mm512_mul_epu32(m0, a0), pa1 = _mm512_mul_epu32(m1, a2);
    const __m512i pb0 = _mm512_mul_epu32(m0, b0), pb1 = _mm512_mul_epu32(m1, b2);
    a0 = _mm512_ternarylogic_epi64(_mm512_srli_epi64(pa1, 32), a1, key0, 0x96);
    b0 = _mm512_ternarylogic_epi64(_mm512_srli_epi64(pb1, 32), b1, key0, 0x96);
    a2 = _mm512_ternarylogic_epi64(_mm512_srli_epi64(pa0, 32), a3, key1, 0x96);
    b2 = _mm512_ternarylogic_epi64(_mm512_srli_epi64(pb0, 32), b3, key1, 0x96);
    a1 = pa1, b1 = pb1, a3 = pa0, b3 = pb0;
    k0 += philox::weyl_0;
    k1 += philox::weyl_1;
  }
  const auto merge = [](__m512i a, __m512i b) __attribute__((always_inline)) {
    return U32{_mm512_castps_si512(
        _mm512_shuffle_ps(_mm512_castsi512_ps(a), _mm512_castsi512_ps(b), 0x88))};
  };
  words[0] = merge(a0, b0);
  words[1] = merge(a1, b1);
  words[2] = merge(a2, b2);
  words[3] = merge(a3, b3);
}

// out[j * out_stride + i] = in[i * in_stride + j], 16 x 16.
ZEST_INLINE void transpose(const float* in, int64_t in_stride, float* out, int64_t out_stride) {
  __m512 r[16], t[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) r[i] = _mm512_loadu_ps(in + i * in_stride);
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_shuffle_ps(t[i], t[i + 2], 0x44);
    r[i + 1] = _mm512_shuffle_ps(t[i], t[i + 2], 0xEE);
    r[i + 2] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    r[i + 3] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0xEE);
  }
  // r[4g + c] holds, in its 128-bit block b, column 4b + c of rows 4g .. 4g + 3.
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) {
    const __m512 low01 = _mm512_shuffle_f32x4(r[c], r[4 + c], 0x44);
    const __m512 high01 = _mm512_shuffle_f32x4(r[c], r[4 + c], 0xEE);
    const __m512 low23 = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0x44);
    const __m512 high23 = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0xEE);
    _mm512_storeu_ps(out + c * out_stride, _mm512_shuffle_f32x4(low01, low23, 0x88));
    _mm512_storeu_ps(out + (4 + c) * out_stride, _mm512_shuffle_f32x4(low01, low23, 0xDD));
    _mm512_storeu_ps(out + (8 + c) * out_stride, _mm512_shuffle_f32x4(high01, high23, 0x88));
    _mm512_storeu_ps(out + (12 + c) * out_stride, _mm512_shuffle_f32x4(high01, high23, 0xDD));
  }
}
