// Sixteen lanes in the compilers' own vectors, for processors without AVX2 and as the plain reading
// of the other sets. Arrays in structs would take seven times as long to compile.
#define ZEST_INLINE static inline __attribute__((always_inline))

using F32 = float __attribute__((vector_size(64)));
using U32 = uint32_t __attribute__((vector_size(64)));
using I32 = int32_t __attribute__((vector_size(64)));

constexpr int tile_rows = 4;
constexpr int panel_vectors = 1;

// a - 0, for -0 + 0 is 0.
ZEST_INLINE F32 broadcast(float a) { return a - F32{}; }
// n in [0, 16]: the lanes from n on are 0, or are not written.
ZEST_INLINE F32 load_first(const float* p, int n) {
  F32 r{};
  __builtin_memcpy(&r, p, static_cast<size_t>(n) * sizeof(float));
  return r;
}
ZEST_INLINE void store_first(float* p, F32 a, int n) {
  __builtin_memcpy(p, &a, static_cast<size_t>(n) * sizeof(float));
}
ZEST_INLINE F32 load(const float* p) {
  F32 r;
  __builtin_memcpy(&r, p, sizeof r);
  return r;
}
ZEST_INLINE void store(float* p, F32 a) { __builtin_memcpy(p, &a, sizeof a); }
ZEST_INLINE F32 keep_first(F32 a, int n) {
  const I32 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return lane < n ? a : F32{};
}
ZEST_INLINE F32 mul_add(F32 a, F32 b, F32 c) { return fused_multiply_add(a, b, c); }
ZEST_INLINE F32 square_root(F32 a) {
  for (int i = 0; i < 16; ++i) a[i] = __builtin_sqrtf(a[i]);
  return a;
}
// b where a is NaN, on every instruction set.
ZEST_INLINE F32 larger(F32 a, F32 b) { return a > b ? a : b; }
ZEST_INLINE F32 smaller(F32 a, F32 b) { return a < b ? a : b; }

ZEST_INLINE U32 broadcast(uint32_t a) { return a + U32{}; }
ZEST_INLINE U32 load(const uint32_t* p) {
  U32 r;
  __builtin_memcpy(&r, p, sizeof r);
  return r;
}
ZEST_INLINE void store(uint32_t* p, U32 a) { __builtin_memcpy(p, &a, sizeof a); }
template <int n>
ZEST_INLINE U32 shift_left(U32 a) {
  return a << n;
}
template <int n>
ZEST_INLINE U32 shift_right(U32 a) {
  return a >> n;
}
template <int n>
ZEST_INLINE U32 shift_right_signed(U32 a) {
  return reinterpret_cast<U32>(reinterpret_cast<I32>(a) >> n);
}
ZEST_INLINE U32 bits_of(F32 a) { return reinterpret_cast<U32>(a); }
ZEST_INLINE F32 float_of(U32 a) { return reinterpret_cast<F32>(a); }
ZEST_INLINE F32 to_float(U32 a) { return __builtin_convertvector(reinterpret_cast<I32>(a), F32); }
// To the nearest integer, ties to even; |a| < 2^31.
ZEST_INLINE U32 to_integer(F32 a) {
  U32 r;
  for (int i = 0; i < 16; ++i) r[i] = static_cast<uint32_t>(__builtin_lrintf(a[i]));
  return r;
}
// a where x < 0, else b.
ZEST_INLINE F32 select_negative(F32 x, F32 a, F32 b) {
  return reinterpret_cast<I32>(x) < 0 ? a : b;
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
  for (int i = 0; i < 16; ++i) r[i] = bits >> i & 1u ? -1.0f : 1.0f;
  return r;
}
// bfloat16 to float.
ZEST_INLINE F32 widen(const uint16_t* p, int n) {
  uint16_t halves __attribute__((vector_size(32))) = {};
  __builtin_memcpy(&halves, p, static_cast<size_t>(n) * sizeof(uint16_t));
  return float_of(__builtin_convertvector(halves, U32) << 16);
}
// Signed bytes to float.
ZEST_INLINE F32 widen(const int8_t* p) {
  int8_t bytes __attribute__((vector_size(16)));
  __builtin_memcpy(&bytes, p, sizeof bytes);
  return __builtin_convertvector(bytes, F32);
}
ZEST_INLINE void store_high_halves(uint16_t* p, U32 a, int n) {
  const uint16_t halves __attribute__((vector_size(32))) =
      __builtin_convertvector(a >> 16, decltype(halves));
  __builtin_memcpy(p, &halves, static_cast<size_t>(n) * sizeof(uint16_t));
}
// Sum of sixteen unsigned values.
ZEST_INLINE int64_t sum(U32 a) {
  int64_t total = 0;
  for (int i = 0; i < 16; ++i) total += a[i];
  return total;
}

// Philox on the counters counter + lane, counter a multiple of 16.
ZEST_INLINE void philox(uint64_t seed, uint64_t stream, uint64_t counter, U32 words[4]) {
  for (int lane = 0; lane < 16; ++lane) {
    const philox::Block block = philox::block(seed, stream, counter + lane);
    for (int i = 0; i < 4; ++i) words[i][lane] = block.word[i];
  }
}

// out[j * out_stride + i] = in[i * in_stride + j], 16 x 16.
ZEST_INLINE void transpose(const float* in, int64_t in_stride, float* out, int64_t out_stride) {
  for (int i = 0; i < 16; ++i) {
    for (int j = 0; j < 16; ++j) out[j * out_stride + i] = in[i * in_stride + j];
  }
}
