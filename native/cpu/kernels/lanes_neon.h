// Sixteen lanes in four NEON registers. Included inside the namespace of that instruction set.
#define ZEST_INLINE static inline __attribute__((always_inline))

struct F32 {
  float32x4_t v[4];
};
struct U32 {
  uint32x4_t v[4];
};

constexpr int tile_rows = 6;  // accumulators: 6 x 4 registers, 4 for the panel, 1 for the broadcast
constexpr int panel_vectors = 1;

template <class R, class A, class F>
ZEST_INLINE R each(A a, F f) {
  return {{f(a.v[0]), f(a.v[1]), f(a.v[2]), f(a.v[3])}};
}
template <class R, class A, class B, class F>
ZEST_INLINE R each(A a, B b, F f) {
  return {{f(a.v[0], b.v[0]), f(a.v[1], b.v[1]), f(a.v[2], b.v[2]), f(a.v[3], b.v[3])}};
}

ZEST_INLINE F32 broadcast(float a) {
  const float32x4_t v = vdupq_n_f32(a);
  return {{v, v, v, v}};
}
ZEST_INLINE F32 load(const float* p) {
  return {{vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)}};
}
ZEST_INLINE void store(float* p, F32 a) {
  vst1q_f32(p, a.v[0]);
  vst1q_f32(p + 4, a.v[1]);
  vst1q_f32(p + 8, a.v[2]);
  vst1q_f32(p + 12, a.v[3]);
}
// n in [0, 16]: the lanes from n on are 0, or are not written.
ZEST_INLINE F32 load_first(const float* p, int n) {
  if (n == 16) return load(p);
  float values[16] = {};
  for (int i = 0; i < n; ++i) values[i] = p[i];
  return load(values);
}
ZEST_INLINE void store_first(float* p, F32 a, int n) {
  if (n == 16) return store(p, a);
  float values[16];
  store(values, a);
  for (int i = 0; i < n; ++i) p[i] = values[i];
}

ZEST_INLINE U32 broadcast(uint32_t a) {
  const uint32x4_t v = vdupq_n_u32(a);
  return {{v, v, v, v}};
}
ZEST_INLINE U32 load(const uint32_t* p) {
  return {{vld1q_u32(p), vld1q_u32(p + 4), vld1q_u32(p + 8), vld1q_u32(p + 12)}};
}
ZEST_INLINE void store(uint32_t* p, U32 a) {
  vst1q_u32(p, a.v[0]);
  vst1q_u32(p + 4, a.v[1]);
  vst1q_u32(p + 8, a.v[2]);
  vst1q_u32(p + 12, a.v[3]);
}
ZEST_INLINE U32 bits_of(F32 a) {
  return each<U32>(a, [](float32x4_t x) { return vreinterpretq_u32_f32(x); });
}
ZEST_INLINE F32 float_of(U32 a) {
  return each<F32>(a, [](uint32x4_t x) { return vreinterpretq_f32_u32(x); });
}

ZEST_INLINE U32 operator+(U32 a, U32 b) {
  return each<U32>(a, b, [](uint32x4_t x, uint32x4_t y) { return vaddq_u32(x, y); });
}
ZEST_INLINE U32 operator-(U32 a, U32 b) {
  return each<U32>(a, b, [](uint32x4_t x, uint32x4_t y) { return vsubq_u32(x, y); });
}
ZEST_INLINE U32 operator&(U32 a, U32 b) {
  return each<U32>(a, b, [](uint32x4_t x, uint32x4_t y) { return vandq_u32(x, y); });
}
ZEST_INLINE U32 operator^(U32 a, U32 b) {
  return each<U32>(a, b, [](uint32x4_t x, uint32x4_t y) { return veorq_u32(x, y); });
}
template <int n>
ZEST_INLINE U32 shift_left(U32 a) {
  return each<U32>(a, [](uint32x4_t x) { return vshlq_n_u32(x, n); });
}
template <int n>
ZEST_INLINE U32 shift_right(U32 a) {
  return each<U32>(a, [](uint32x4_t x) { return vshrq_n_u32(x, n); });
}
template <int n>
ZEST_INLINE U32 shift_right_signed(U32 a) {
  return each<U32>(a, [](uint32x4_t x) {
    return vreinterpretq_u32_s32(vshrq_n_s32(vreinterpretq_s32_u32(x), n));
  });
}

ZEST_INLINE F32 operator+(F32 a, F32 b) {
  return each<F32>(a, b, [](float32x4_t x, float32x4_t y) { return vaddq_f32(x, y); });
}
ZEST_INLINE F32 operator-(F32 a, F32 b) {
  return each<F32>(a, b, [](float32x4_t x, float32x4_t y) { return vsubq_f32(x, y); });
}
ZEST_INLINE F32 operator*(F32 a, F32 b) {
  return each<F32>(a, b, [](float32x4_t x, float32x4_t y) { return vmulq_f32(x, y); });
}
ZEST_INLINE F32 operator/(F32 a, F32 b) {
  return each<F32>(a, b, [](float32x4_t x, float32x4_t y) { return vdivq_f32(x, y); });
}
ZEST_INLINE F32 mul_add(F32 a, F32 b, F32 c) {
  return {{vfmaq_f32(c.v[0], a.v[0], b.v[0]), vfmaq_f32(c.v[1], a.v[1], b.v[1]),
           vfmaq_f32(c.v[2], a.v[2], b.v[2]), vfmaq_f32(c.v[3], a.v[3], b.v[3])}};
}
ZEST_INLINE F32 square_root(F32 a) {
  return each<F32>(a, [](float32x4_t x) { return vsqrtq_f32(x); });
}
// b where a is NaN, on every instruction set; fmax and fmin differ.
ZEST_INLINE F32 larger(F32 a, F32 b) {
  return each<F32>(a, b,
                   [](float32x4_t x, float32x4_t y) { return vbslq_f32(vcgtq_f32(x, y), x, y); });
}
ZEST_INLINE F32 smaller(F32 a, F32 b) {
  return each<F32>(a, b,
                   [](float32x4_t x, float32x4_t y) { return vbslq_f32(vcltq_f32(x, y), x, y); });
}
ZEST_INLINE F32 to_float(U32 a) {
  return each<F32>(a, [](uint32x4_t x) { return vcvtq_f32_s32(vreinterpretq_s32_u32(x)); });
}
// To the nearest integer, ties to even; |a| < 2^31.
ZEST_INLINE U32 to_integer(F32 a) {
  return each<U32>(a, [](float32x4_t x) { return vreinterpretq_u32_s32(vcvtnq_s32_f32(x)); });
}

// The lane's number in each.
ZEST_INLINE U32 lanes() {
  alignas(16) constexpr uint32_t numbers[16] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                8, 9, 10, 11, 12, 13, 14, 15};
  return load(numbers);
}
ZEST_INLINE F32 keep_first(F32 a, int n) {
  if (n == 16) return a;
  const uint32x4_t end = vdupq_n_u32(static_cast<uint32_t>(n));
  const U32 kept = each<U32>(lanes(), [&](uint32x4_t lane) { return vcltq_u32(lane, end); });
  return float_of(bits_of(a) & kept);
}
// a in the lanes of `mask` that are all ones, b in those that are 0.
ZEST_INLINE F32 select(U32 mask, F32 a, F32 b) {
  return {{vbslq_f32(mask.v[0], a.v[0], b.v[0]), vbslq_f32(mask.v[1], a.v[1], b.v[1]),
           vbslq_f32(mask.v[2], a.v[2], b.v[2]), vbslq_f32(mask.v[3], a.v[3], b.v[3])}};
}
// a where x < 0, else b.
ZEST_INLINE F32 select_negative(F32 x, F32 a, F32 b) {
  return select(shift_right_signed<31>(bits_of(x)), a, b);
}
// `set` in the lanes whose bit n is.
template <int n>
ZEST_INLINE F32 select_bit(U32 bits, F32 set, F32 clear) {
  const uint32x4_t bit = vdupq_n_u32(1u << n);
  return select(each<U32>(bits, [&](uint32x4_t x) { return vtstq_u32(x, bit); }), set, clear);
}
// -a in the lanes whose top bit is set.
ZEST_INLINE F32 flip_sign(F32 a, U32 top_bit) {
  return float_of(bits_of(a) ^ (top_bit & broadcast(0x80000000u)));
}
// -1 in the lanes whose bit is set, else 1.
ZEST_INLINE F32 signs(uint32_t bits) {
  const uint32x4_t all = vdupq_n_u32(bits), one = vdupq_n_u32(1);
  const U32 mask = each<U32>(lanes(), [&](uint32x4_t lane) {
    return vtstq_u32(all, vshlq_u32(one, vreinterpretq_s32_u32(lane)));
  });
  return select(mask, broadcast(-1.0f), broadcast(1.0f));
}
// bfloat16 to float.
ZEST_INLINE F32 widen(const uint16_t* p, int n) {
  uint16_t values[16] = {};
  if (n < 16) {
    for (int i = 0; i < n; ++i) values[i] = p[i];
    p = values;
  }
  const uint16x8_t zero = vdupq_n_u16(0), low = vld1q_u16(p), high = vld1q_u16(p + 8);
  return {{vreinterpretq_f32_u16(vzip1q_u16(zero, low)),
           vreinterpretq_f32_u16(vzip2q_u16(zero, low)),
           vreinterpretq_f32_u16(vzip1q_u16(zero, high)),
           vreinterpretq_f32_u16(vzip2q_u16(zero, high))}};
}
// Signed bytes to float.
ZEST_INLINE F32 widen(const int8_t* p) {
  const int8x16_t bytes = vld1q_s8(p);
  const int16x8_t low = vmovl_s8(vget_low_s8(bytes)), high = vmovl_s8(vget_high_s8(bytes));
  return {{vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))),
           vcvtq_f32_s32(vmovl_s16(vget_high_s16(low))),
           vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))),
           vcvtq_f32_s32(vmovl_s16(vget_high_s16(high)))}};
}
ZEST_INLINE void store_high_halves(uint16_t* p, U32 a, int n) {
  uint16_t values[16];
  uint16_t* to = n == 16 ? p : values;
  vst1q_u16(to, vuzp2q_u16(vreinterpretq_u16_u32(a.v[0]), vreinterpretq_u16_u32(a.v[1])));
  vst1q_u16(to + 8, vuzp2q_u16(vreinterpretq_u16_u32(a.v[2]), vreinterpretq_u16_u32(a.v[3])));
  if (n == 16) return;
  for (int i = 0; i < n; ++i) p[i] = values[i];
}
// Sum of sixteen unsigned values.
ZEST_INLINE int64_t sum(U32 a) {
  const uint64x2_t low = vpadalq_u32(vpaddlq_u32(a.v[0]), a.v[1]);
  const uint64x2_t high = vpadalq_u32(vpaddlq_u32(a.v[2]), a.v[3]);
  return static_cast<int64_t>(vaddvq_u64(vaddq_u64(low, high)));
}

// The halves of the products of four lanes and a multiplier.
struct Products {
  uint32x4_t low, high;
};
ZEST_INLINE Products products(uint32x4_t a, uint32x4_t multiplier) {
  const uint32x4_t front =
      vreinterpretq_u32_u64(vmull_u32(vget_low_u32(a), vget_low_u32(multiplier)));
  const uint32x4_t back = vreinterpretq_u32_u64(vmull_high_u32(a, multiplier));
  return {vuzp1q_u32(front, back), vuzp2q_u32(front, back)};
}
// Philox on the counters counter + lane, counter a multiple of 16. Lanes differ in the counter's
// low word alone, which takes two rounds to reach every word: those are `Start`'s.
ZEST_INLINE void philox(uint64_t seed, uint64_t stream, uint64_t counter, U32 words[4]) {
  const philox::Start start(seed, stream, counter);
  const uint32x4_t m0 = vdupq_n_u32(philox::multiplier_0), m1 = vdupq_n_u32(philox::multiplier_1);
  const U32 low = lanes() + broadcast(static_cast<uint32_t>(counter));
#pragma GCC unroll 4
  for (int part = 0; part < 4; ++part) {
    Products p0 = products(low.v[part], m0);
    Products p1 = products(veorq_u32(p0.high, vdupq_n_u32(start.first2)), m1);
    uint32x4_t w0 = veorq_u32(p1.high, vdupq_n_u32(start.second0)), w1 = p1.low;
    uint32x4_t w2 = veorq_u32(p0.low, vdupq_n_u32(start.second2)), w3 = vdupq_n_u32(start.second3);
    uint32_t k0 = start.key0, k1 = start.key1;
#pragma GCC unroll 8
    for (int round = 2; round < philox::rounds; ++round) {
      p0 = products(w0, m0);
      p1 = products(w2, m1);
      w0 = veorq_u32(veorq_u32(w1, vdupq_n_u32(k0)), p1.high);
      w1 = p1.low;
      w2 = veorq_u32(veorq_u32(w3, vdupq_n_u32(k1)), p0.high);
      w3 = p0.low;
      k0 += philox::weyl_0;
      k1 += philox::weyl_1;
    }
    words[0].v[part] = w0;
    words[1].v[part] = w1;
    words[2].v[part] = w2;
    words[3].v[part] = w3;
  }
}

ZEST_INLINE float32x4_t even_pairs(float32x4_t a, float32x4_t b) {
  return vreinterpretq_f32_f64(vtrn1q_f64(vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(b)));
}
ZEST_INLINE float32x4_t odd_pairs(float32x4_t a, float32x4_t b) {
  return vreinterpretq_f32_f64(vtrn2q_f64(vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(b)));
}
// out[j * out_stride + i] = in[i * in_stride + j], 16 x 16.
ZEST_INLINE void transpose(const float* in, int64_t in_stride, float* out, int64_t out_stride) {
  for (int i = 0; i < 16; i += 4) {
    for (int j = 0; j < 16; j += 4) {
      const float* from = in + i * in_stride + j;
      float* to = out + j * out_stride + i;
      const float32x4_t a = vld1q_f32(from), b = vld1q_f32(from + in_stride);
      const float32x4_t c = vld1q_f32(from + 2 * in_stride), d = vld1q_f32(from + 3 * in_stride);
      const float32x4_t ab0 = vtrn1q_f32(a, b), ab1 = vtrn2q_f32(a, b);
      const float32x4_t cd0 = vtrn1q_f32(c, d), cd1 = vtrn2q_f32(c, d);
      vst1q_f32(to, even_pairs(ab0, cd0));
      vst1q_f32(to + out_stride, even_pairs(ab1, cd1));
      vst1q_f32(to + 2 * out_stride, odd_pairs(ab0, cd0));
      vst1q_f32(to + 3 * out_stride, odd_pairs(ab1, cd1));
    }
  }
}
