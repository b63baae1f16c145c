// Noise version 1 on sixteen lanes: 64 consecutive elements of a row at a time.

struct Lanes {
  using F = F32;
  using U = U32;
  ZEST_INLINE F constant(float v) { return broadcast(v); }
  ZEST_INLINE F sub(F a, F b) { return a - b; }
  ZEST_INLINE F mul(F a, F b) { return a * b; }
  ZEST_INLINE F mul_add(F a, F b, F c) { return ZEST_ISA::mul_add(a, b, c); }
  ZEST_INLINE F sqrt(F a) { return square_root(a); }
  ZEST_INLINE F sqrt_in_range(F a) { return square_root(a); }
  ZEST_INLINE F plus(F a, F b) { return a + b; }
  ZEST_INLINE F div(F a, F b) { return a / b; }
  ZEST_INLINE F select_negative(F x, F a, F b) { return ZEST_ISA::select_negative(x, a, b); }
  ZEST_INLINE U add(U a, uint32_t b) { return a + broadcast(b); }
  ZEST_INLINE U subtract(U a, U b) { return a - b; }
  ZEST_INLINE U subtract(uint32_t a, U b) { return broadcast(a) - b; }
  template <int n>
  ZEST_INLINE U shift_left(U a) {
    return ZEST_ISA::shift_left<n>(a);
  }
  template <int n>
  ZEST_INLINE U shift_right(U a) {
    return ZEST_ISA::shift_right<n>(a);
  }
  template <int n>
  ZEST_INLINE U shift_right_signed(U a) {
    return ZEST_ISA::shift_right_signed<n>(a);
  }
  ZEST_INLINE F to_float(U a) { return ZEST_ISA::to_float(a); }
  ZEST_INLINE U bits_of(F a) { return ZEST_ISA::bits_of(a); }
  ZEST_INLINE F float_of(U a) { return ZEST_ISA::float_of(a); }
  template <int n>
  ZEST_INLINE F select_bit(U bits, F set, F clear) {
    return ZEST_ISA::select_bit<n>(bits, set, clear);
  }
  ZEST_INLINE F flip_sign(F a, U top_bit) { return ZEST_ISA::flip_sign(a, top_bit); }
};

constexpr int chunk = 64;  // elements

// `offset` is a multiple of 64.
ZEST_INLINE void gaussian_chunk(uint64_t seed, uint64_t stream, uint64_t offset, F32 v[4]) {
  U32 words[4];
  philox(seed, stream, offset / 4, words);
  noise::box_muller<Lanes>(words[0], words[1], v[0], v[1]);
  noise::box_muller<Lanes>(words[2], words[3], v[2], v[3]);
}

ZEST_INLINE void rademacher_chunk(uint64_t seed, uint64_t stream, uint64_t offset, F32 v[4]) {
  const philox::Block block = philox::block(seed, stream, offset / 128);
  const int half = static_cast<int>(offset % 128 / 64) * 2;
  v[0] = signs(block.word[half]);
  v[1] = signs(block.word[half] >> 16);
  v[2] = signs(block.word[half + 1]);
  v[3] = signs(block.word[half + 1] >> 16);
}

// v of stream i of the noise: elements column .. column + 64 of a row; column is a multiple of 64.
ZEST_INLINE void direction_chunk(const Noise& n, int i, const Matrix& w, int64_t row,
                                 int64_t column, F32 v[4]) {
  const uint64_t offset = w.base + static_cast<uint64_t>(row) * noise::row_span(w.columns) +
                          static_cast<uint64_t>(column);
  if (n.factors_a) {
    const float* a = n.factors_a[i] + (row - n.factors_row) * n.rank;
    const float* b = n.factors_b[i] + column;
    const int64_t stride = (w.columns + chunk - 1) / chunk * chunk;
    F32 sums[4] = {broadcast(0.0f), broadcast(0.0f), broadcast(0.0f), broadcast(0.0f)};
    for (int q = 0; q < n.rank; ++q) {
      for (int j = 0; j < 4; ++j)
        sums[j] = mul_add(broadcast(a[q]), load(b + q * stride + 16 * j), sums[j]);
    }
    // 1 / sqrt(rank), rounded once.
    const F32 scale =
        broadcast(static_cast<float>(1.0 / __builtin_sqrt(static_cast<double>(n.rank))));
    for (int j = 0; j < 4; ++j) v[j] = scale * sums[j];
    return;
  }
  if (n.law == Law::rademacher) {
    rademacher_chunk(n.seed, n.streams[i], offset, v);
    return;
  }
  gaussian_chunk(n.seed, n.streams[i], offset, v);
  if (n.law == Law::sphere) {
    for (int j = 0; j < 4; ++j) v[j] = broadcast(n.radius[i]) * v[j];
  }
}

ZEST_INLINE int lanes_left(int64_t left, int j) {
  const int64_t n = left - 16 * j;
  return n < 0 ? 0 : n < 16 ? static_cast<int>(n) : 16;
}

ZEST_INLINE F32 load_weights(const Matrix& w, int64_t index, int n) {
  if (w.type == StorageType::bfloat16)
    return widen(static_cast<const uint16_t*>(w.data) + index, n);
  return load_first(static_cast<const float*>(w.data) + index, n);
}

// Up to 64 elements of a quantised row, zeros after the last.
ZEST_INLINE void quantized_chunk(const Matrix& w, int64_t index, int64_t left, F32 out[4]) {
  const bool shifted = has_minimum(w.blocks);
  for (int j = 0; j < 4; j += 2) {
    if (left <= 16 * j) {
      out[j] = out[j + 1] = broadcast(0.0f);
      continue;
    }
    Quanta q;
    unpack(w.blocks, w.data, index + 16 * j, q);
    for (int half = 0; half < 2; ++half) {
      const F32 value = broadcast(q.scale[half]) * widen(q.values + 16 * half);
      out[j + half] = shifted ? value + broadcast(q.minimum) : value;
    }
  }
}

// W + sum scale v for each point: up to 64 elements from `column` of a row, zeros after the last
// column.
ZEST_INLINE void perturbed_chunk(const Matrix& w, const Noise& n, int64_t row, int64_t column,
                                 F32 out[Noise::max_points][4]) {
  const int64_t left = w.columns - column;
  if (w.blocks != FileType::float32) {
    quantized_chunk(w, row * w.columns + column, left, out[0]);
    for (int j = 0; j < 4; ++j) out[1][j] = out[0][j];
  } else {
    for (int j = 0; j < 4; ++j) {
      out[0][j] = load_weights(w, row * w.columns + column + 16 * j, lanes_left(left, j));
      out[1][j] = out[0][j];
    }
  }
  for (int i = 0; i < n.count; ++i) {
    F32 v[4];
    direction_chunk(n, i, w, row, column, v);
    for (int p = 0; p < n.points; ++p) {
      const F32 scale = broadcast(n.scales[p][i]);
      for (int j = 0; j < 4; ++j) out[p][j] = mul_add(scale, v[j], out[p][j]);
    }
  }
  if (left < chunk && n.count > 0) {
    for (int p = 0; p < n.points; ++p) {
      for (int j = 0; j < 4; ++j) out[p][j] = keep_first(out[p][j], lanes_left(left, j));
    }
  }
}

static void fill(uint64_t seed, uint64_t stream, uint64_t offset, int64_t length, Law law,
                 float* out) {
  for (int64_t done = 0; done < length;) {
    const uint64_t at = offset + static_cast<uint64_t>(done);
    F32 v[4];
    if (law == Law::rademacher) {
      rademacher_chunk(seed, stream, at / chunk * chunk, v);
    } else {
      gaussian_chunk(seed, stream, at / chunk * chunk, v);
    }
    const int64_t skip = static_cast<int64_t>(at % chunk);
    const int64_t n = chunk - skip < length - done ? chunk - skip : length - done;
    if (n == chunk) {
      for (int j = 0; j < 4; ++j) store(out + done + 16 * j, v[j]);
    } else {
      float values[chunk];
      for (int j = 0; j < 4; ++j) store(values + 16 * j, v[j]);
      for (int64_t i = 0; i < n; ++i) out[done + i] = values[skip + i];
    }
    done += n;
  }
}

static int64_t sum_of_squares(uint64_t seed, uint64_t stream, uint64_t offset, int64_t length) {
  int64_t total = 0;
  for (int64_t column = 0; column < length; column += chunk) {
    F32 v[4];
    gaussian_chunk(seed, stream, offset + static_cast<uint64_t>(column), v);
    for (int j = 0; j < 4; ++j) {
      const F32 z = keep_first(v[j], lanes_left(length - column, j));
      total += sum(to_integer(z * z * broadcast(0x1p24f)));  // below 2^31: z^2 < 34
    }
  }
  return total;
}

static void factor(uint64_t seed, uint64_t stream, uint64_t base, int64_t first, int64_t count,
                   int rank, bool transposed, float* out, int64_t stride) {
  for (int64_t i = 0; i < count; ++i) {
    F32 v[4];
    gaussian_chunk(seed, stream, base + static_cast<uint64_t>(first + i) * noise::row_span(rank),
                   v);
    float values[chunk];
    for (int j = 0; j < 4; ++j) store(values + 16 * j, v[j]);
    for (int q = 0; q < rank; ++q) out[transposed ? q * stride + i : i * stride + q] = values[q];
  }
}

static void direction(const Matrix& w, const Noise& n, Rows rows, float* out) {
  for (int64_t i = 0; i < rows.count; ++i) {
    for (int64_t column = 0; column < w.columns; column += chunk) {
      F32 v[4];
      direction_chunk(n, 0, w, rows[i], column, v);
      for (int j = 0; j < 4; ++j) {
        store_first(out + i * w.columns + column + 16 * j, v[j], lanes_left(w.columns - column, j));
      }
    }
  }
}

static void perturb(const Matrix& w, const Noise& n, Rows rows, float* const* out, int64_t stride) {
  for (int64_t i = 0; i < rows.count; ++i) {
    for (int64_t column = 0; column < w.columns; column += chunk) {
      F32 values[Noise::max_points][4];
      perturbed_chunk(w, n, rows[i], column, values);
      for (int p = 0; p < n.points; ++p) {
        for (int j = 0; j < 4; ++j) {
          store_first(out[p] + i * stride + column + 16 * j, values[p][j],
                      lanes_left(w.columns - column, j));
        }
      }
    }
  }
}

static void pack(const Matrix& w, const Noise& n, Rows rows, float* const* out) {
  constexpr int width = 16 * panel_vectors;
  alignas(64) float tile[Noise::max_points][16 * chunk];
  for (int half = 0; half < width; half += 16) {
    for (int64_t column = 0; column < w.columns; column += chunk) {
      for (int i = 0; i < 16; ++i) {
        F32 values[Noise::max_points][4];
        if (half + i < rows.count) {
          perturbed_chunk(w, n, rows[half + i], column, values);
        } else {
          for (int p = 0; p < n.points; ++p) {
            for (int j = 0; j < 4; ++j) values[p][j] = broadcast(0.0f);
          }
        }
        for (int p = 0; p < n.points; ++p) {
          for (int j = 0; j < 4; ++j) store(tile[p] + i * chunk + 16 * j, values[p][j]);
        }
      }
      for (int p = 0; p < n.points; ++p) {
        for (int j = 0; j < 4; ++j) {
          transpose(tile[p] + 16 * j, chunk, out[p] + (column + 16 * j) * width + half, width);
        }
      }
    }
  }
}

static void pack_columns(const Matrix& w, const Noise& n, int64_t first, int64_t count,
                         float* const* out) {
  constexpr int width = 16 * panel_vectors;
  const int64_t begin = first / chunk * chunk, skip = first - begin;
  const int64_t panel = panel_floats(w.rows, width);
  alignas(64) float line[Noise::max_points][2 * chunk] = {};
  for (int64_t row = 0; row < w.rows; ++row) {
    for (int64_t column = begin; column < first + count; column += chunk) {
      F32 values[Noise::max_points][4];
      perturbed_chunk(w, n, row, column, values);
      for (int p = 0; p < n.points; ++p) {
        for (int j = 0; j < 4; ++j) store(line[p] + column - begin + 16 * j, values[p][j]);
      }
    }
    for (int p = 0; p < n.points; ++p) {
      for (int64_t column = 0; column < count; column += 16) {
        store(out[p] + column / width * panel + row * width + column % width,
              load(line[p] + skip + column));
      }
    }
  }
}

// g = sum scale v, from decay theta on if the rule is plain; theta <- theta - what the rule makes
// of it (core/rule.h).
static void apply(const Matrix& w, const Noise& n, Rows rows, const Step& step,
                  const StateOf& state, uint64_t rounding_stream) {
  const bool plain = step.rule == Rule::plain;
  for (int64_t i = 0; i < rows.count; ++i) {
    const int64_t row = rows[i];
    for (int64_t column = 0; column < w.columns; column += chunk) {
      const int64_t index = row * w.columns + column, left = w.columns - column;
      F32 theta[4], pull[4], g[4];
      for (int j = 0; j < 4; ++j) {
        const int lanes = lanes_left(left, j);
        theta[j] = load_weights(w, index + 16 * j, lanes);
        const F32 anchor =
            step.anchored ? load_first(state.anchor + index + 16 * j, lanes) : theta[j];
        pull[j] = pull_of<Lanes>(step, step.decay, theta[j], anchor);
        g[j] = plain ? pull[j] : broadcast(0.0f);
      }
      for (int s = 0; s < n.count; ++s) {
        F32 v[4];
        direction_chunk(n, s, w, row, column, v);
        for (int j = 0; j < 4; ++j) g[j] = mul_add(broadcast(n.scales[0][s]), v[j], g[j]);
      }
      for (int j = 0; j < 4 && !plain; ++j) {
        const int lanes = lanes_left(left, j);
        const auto at = [&](float* values) { return values + index + 16 * j; };
        F32 first = broadcast(0.0f), second = first;
        if (state.first) first = load_first(at(state.first), lanes);
        if (state.second) second = load_first(at(state.second), lanes);
        g[j] = ruled<Lanes>(step, pull[j], g[j], first, second);
        if (state.first) store_first(at(state.first), first, lanes);
        if (state.second) store_first(at(state.second), second, lanes);
      }
      if (w.type == StorageType::bfloat16) {
        const uint64_t offset = w.base + static_cast<uint64_t>(row) * noise::row_span(w.columns) +
                                static_cast<uint64_t>(column);
        U32 words[4];
        philox(n.seed, rounding_stream, offset / 128 * 16, words);
        const int half = static_cast<int>(offset % 128 / chunk) * 2;
        for (int j = 0; j < 4; ++j) {
          const U32 word = words[half + j / 2];
          const U32 random = j % 2 ? shift_right<16>(word) : word & broadcast(0xffffu);
          store_high_halves(static_cast<uint16_t*>(w.data) + index + 16 * j,
                            bits_of(theta[j] - g[j]) + random, lanes_left(left, j));
        }
      } else {
        for (int j = 0; j < 4; ++j) {
          store_first(static_cast<float*>(w.data) + index + 16 * j, theta[j] - g[j],
                      lanes_left(left, j));
        }
      }
    }
  }
}
