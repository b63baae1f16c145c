// One head of one sequence. A query's scores are kept whole (a block of queries at a time), so that
// softmax is exp(s - max) / sum with the sum over lanes j mod 16: no block length enters the bits.

template <int rows>
static void attend_block(const Attention& a, int64_t first, const float* key_panels,
                         const float* value_panels, float* scores) {
  constexpr int width = 16 * panel_vectors;
  const int64_t key_span = (a.keys + width - 1) / width * width;
  F32 sums[rows][panel_vectors];
  for (int64_t key = 0; key < a.keys; key += width) {
    tile<rows>(a.q + first * a.q_stride, a.q_stride, key_panels + key * a.width, a.width, sums);
#pragma GCC unroll 16
    for (int m = 0; m < rows; ++m) {
#pragma GCC unroll 2
      for (int j = 0; j < panel_vectors; ++j) {
        store(scores + m * key_span + key + 16 * j, sums[m][j] * broadcast(a.scale));
      }
    }
  }
  float inverse[rows];
  for (int m = 0; m < rows; ++m) {
    float* row = scores + m * key_span;
    const int64_t whole = (a.keys + 15) / 16 * 16;
    for (int64_t j = a.keys; j < whole; ++j) row[j] = row[0];
    F32 most = load(row);
    for (int64_t j = 16; j < whole; j += 16) most = larger(load(row + j), most);
    const F32 top = broadcast(maximum(most));
    F32 total = broadcast(0.0f);
    for (int64_t j = 0; j < whole; j += 16) {
      const F32 e = keep_first(exponential(load(row + j) - top), lanes_left(a.keys - j, 0));
      store(row + j, e);
      total = total + e;
    }
    inverse[m] = 1.0f / sum(total);
  }
  for (int64_t column = 0; column < a.width; column += width) {
    tile<rows>(scores, key_span, value_panels + column * a.keys, a.keys, sums);
#pragma GCC unroll 16
    for (int m = 0; m < rows; ++m) {
#pragma GCC unroll 2
      for (int j = 0; j < panel_vectors; ++j) {
        store_first(a.out + (first + m) * a.out_stride + column + 16 * j,
                    sums[m][j] * broadcast(inverse[m]), lanes_left(a.width - column, j));
      }
    }
  }
}

template <int rows>
static void attend_rest(const Attention& a, int64_t first, int64_t left, const float* key_panels,
                        const float* value_panels, float* scores) {
  if constexpr (rows > 0) {
    if (left == rows) {
      attend_block<rows>(a, first, key_panels, value_panels, scores);
    } else {
      attend_rest<rows - 1>(a, first, left, key_panels, value_panels, scores);
    }
  }
}

static void attend(const Attention& a) {
  constexpr int width = 16 * panel_vectors;
  const int64_t key_span = (a.keys + width - 1) / width * width;
  const int64_t width_span = (a.width + width - 1) / width * width;
  float* key_panels = a.scratch;  // [key / width][component][key mod width]
  float* value_panels = key_panels + key_span * ((a.width + 15) / 16 *
                                                 16);  // [column / width][key][column mod width]
  float* scores = value_panels + width_span * ((a.keys + 15) / 16 * 16);
  for (int64_t key = 0; key < key_span;) {
    float* panel = key_panels + key / width * width * a.width + key % width;
    // Sixteen keys of the sequence at once, where a vector of a panel holds nothing else.
    const bool whole = key % 16 == 0 && key >= a.prefixes && key + 16 <= a.keys;
    int c = 0;
    for (; whole && c + 16 <= a.width; c += 16)
      transpose(a.k + (key - a.prefixes) * a.kv_stride + c, a.kv_stride, panel + c * width, width);
    const int64_t end = whole ? key + 16 : key + 1;
    for (; key < end; ++key, ++panel) {
      const float* from = key < a.prefixes ? a.prefix_k + key * a.prefix_stride
                                           : a.k + (key - a.prefixes) * a.kv_stride;
      for (int rest = c; rest < a.width; ++rest)
        panel[rest * width] = key < a.keys ? from[rest] : 0.0f;
    }
  }
  for (int64_t column = 0; column < width_span; column += 16) {
    const int n = lanes_left(a.width - column, 0);
    float* panel = value_panels + column / width * width * a.keys + column % width;
    for (int64_t key = 0; key < a.keys; ++key) {
      const float* from = key < a.prefixes ? a.prefix_v + key * a.prefix_stride
                                           : a.v + (key - a.prefixes) * a.kv_stride;
      store(panel + key * width, load_first(from + column, n));
    }
  }
  int64_t first = 0;
  for (; first + tile_rows <= a.queries; first += tile_rows) {
    attend_block<tile_rows>(a, first, key_panels, value_panels, scores);
  }
  attend_rest<tile_rows - 1>(a, first, a.queries - first, key_panels, value_panels, scores);
}
