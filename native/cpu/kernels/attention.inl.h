// The heads of one sequence that share keys. A query's scores are kept whole (a block of queries at
// a time), so that softmax is exp(s - max) / sum with the sum over lanes j mod 16: no block length
// enters the bits, and keys that a query does not see add nothing.

// What a query sees: the prefix, and the keys from first to end.
struct Seen {
  int64_t first, end;
};

ZEST_INLINE Seen seen_by(const Attention& a, int64_t query) {
  if (!a.places) return {0, a.keys()};
  const int64_t prefix = a.spans[0].count;
  const int64_t end = a.keys() - a.spans[2].count + a.places[query] + 1;
  const int64_t first = a.window > 0 && end - prefix > a.window ? end - a.window : prefix;
  return {first, end};
}

// 1 in the lanes of keys j .. j + 16 that are seen, else 0.
ZEST_INLINE F32 seen_lanes(const Attention& a, Seen seen, int64_t j) {
  float lanes[16];
  for (int i = 0; i < 16; ++i)
    lanes[i] = j + i < a.spans[0].count || j + i >= seen.first ? 1.0f : 0.0f;
  return load(lanes);
}

// The scores of a query become exp(s - max), 0 from seen.end to `end`; returns 1 / their sum.
ZEST_INLINE float exponentials(const Attention& a, Seen seen, int64_t end, float* row) {
  const int64_t whole = (seen.end + 15) / 16 * 16;
  const float known = row[seen.end - 1];
  for (int64_t j = seen.end; j < whole; ++j) row[j] = known;
  for (int64_t j = a.spans[0].count; j < seen.first; ++j) row[j] = known;
  F32 most = load(row);
  for (int64_t j = 16; j < whole; j += 16) most = larger(load(row + j), most);
  const F32 top = broadcast(maximum(most));
  F32 total = broadcast(0.0f);
  for (int64_t j = 0; j < whole; j += 16) {
    F32 e = keep_first(exponential(load(row + j) - top), lanes_left(seen.end - j, 0));
    if (j < seen.first) e = e * seen_lanes(a, seen, j);
    store(row + j, e);
    total = total + e;
  }
  for (int64_t j = whole; j < end; ++j) row[j] = 0.0f;
  return 1.0f / sum(total);
}

// The keys' and values' panels of the heads that share them.
struct Panels {
  const float* keys;    // [key / width][component][key mod width]
  const float* values;  // [column / width][key][column mod width]
  bool finite;          // the values
};

// The weighted sum of the values that a query sees, and of no other: 0 times a value that is not
// finite is no number. As `tile` has it where all values are finite.
ZEST_INLINE void sum_seen(const Attention& a, Seen seen, const float* weights, const float* panel,
                          F32 sums[panel_vectors]) {
  for (int j = 0; j < panel_vectors; ++j) sums[j] = broadcast(0.0f);
  for (int64_t key = 0; key < seen.end; ++key) {
    if (key >= a.spans[0].count && key < seen.first) continue;
    const F32 weight = broadcast(weights[key]);
    for (int j = 0; j < panel_vectors; ++j)
      sums[j] = mul_add(weight, load(panel + (key * panel_vectors + j) * 16), sums[j]);
  }
}

template <int rows>
static void attend_block(const Attention& a, int64_t head, int64_t first, const Panels& panels,
                         float* scores) {
  constexpr int width = 16 * panel_vectors;
  const int64_t keys = a.keys(), key_span = (keys + width - 1) / width * width;
  const float* q = a.q + head * a.width + first * a.q_stride;
  float* out = a.out + head * a.width + first * a.out_stride;
  int64_t end = 0;
  for (int m = 0; m < rows; ++m) {
    const int64_t own = seen_by(a, first + m).end;
    end = own > end ? own : end;
  }
  F32 sums[rows][panel_vectors];
  for (int64_t key = 0; key < end; key += width) {
    tile<rows>(q, a.q_stride, Stored<float>(panels.keys + key * a.width), a.width, sums);
#pragma GCC unroll 16
    for (int m = 0; m < rows; ++m) {
#pragma GCC unroll 2
      for (int j = 0; j < panel_vectors; ++j) {
        store(scores + m * key_span + key + 16 * j, sums[m][j] * broadcast(a.scale));
      }
    }
  }
  float inverse[rows];
  for (int m = 0; m < rows; ++m)
    inverse[m] = exponentials(a, seen_by(a, first + m), end, scores + m * key_span);
  for (int64_t column = 0; column < a.width; column += width) {
    const float* values = panels.values + column * keys;
    if (panels.finite || !a.places) {
      tile<rows>(scores, key_span, Stored<float>(values), end, sums);
    } else {
      for (int m = 0; m < rows; ++m)
        sum_seen(a, seen_by(a, first + m), scores + m * key_span, values, sums[m]);
    }
#pragma GCC unroll 16
    for (int m = 0; m < rows; ++m) {
#pragma GCC unroll 2
      for (int j = 0; j < panel_vectors; ++j) {
        store_first(out + m * a.out_stride + column + 16 * j, sums[m][j] * broadcast(inverse[m]),
                    lanes_left(a.width - column, j));
      }
    }
  }
}

template <int rows>
static void attend_rest(const Attention& a, int64_t head, int64_t first, int64_t left,
                        const Panels& panels, float* scores) {
  if constexpr (rows > 0) {
    if (left == rows) {
      attend_block<rows>(a, head, first, panels, scores);
    } else {
      attend_rest<rows - 1>(a, head, first, left, panels, scores);
    }
  }
}

// Keys `at` .. `at` + span.count.
static void pack_keys(const KeySpan& span, int64_t at, int depth, float* panels) {
  constexpr int width = 16 * panel_vectors;
  for (int64_t i = 0; i < span.count;) {
    const int64_t key = at + i;
    float* panel = panels + key / width * width * depth + key % width;
    // Sixteen keys at once, where a vector of a panel holds nothing else.
    const bool whole = key % 16 == 0 && i + 16 <= span.count;
    int c = 0;
    for (; whole && c + 16 <= depth; c += 16)
      transpose(span.k + i * span.stride + c, span.stride, panel + c * width, width);
    const int64_t next = whole ? i + 16 : i + 1;
    for (; i < next; ++i, ++panel) {
      for (int rest = c; rest < depth; ++rest) panel[rest * width] = span.k[i * span.stride + rest];
    }
  }
}

static void attend(const Attention& a) {
  constexpr int width = 16 * panel_vectors;
  const int64_t keys = a.keys(), key_span = (keys + width - 1) / width * width;
  const int64_t width_span = (a.width + width - 1) / width * width;
  float* key_panels = a.scratch;
  float* value_panels = key_panels + key_span * ((a.width + 15) / 16 * 16);
  float* scores = value_panels + width_span * ((keys + 15) / 16 * 16);
  int64_t at = 0;
  for (const KeySpan& span : a.spans) {
    pack_keys(span, at, a.width, key_panels);
    at += span.count;
  }
  for (int64_t key = keys; key < key_span; ++key) {
    float* panel = key_panels + key / width * width * a.width + key % width;
    for (int c = 0; c < a.width; ++c) panel[c * width] = 0.0f;
  }
  F32 zeros = broadcast(0.0f);  // until a value is not finite
  for (int64_t column = 0; column < width_span; column += 16) {
    const int n = lanes_left(a.width - column, 0);
    float* panel = value_panels + column / width * width * keys + column % width;
    for (const KeySpan& span : a.spans) {
      for (int64_t i = 0; i < span.count; ++i, panel += width) {
        const F32 values = load_first(span.v + i * span.stride + column, n);
        store(panel, values);
        zeros = zeros + values * broadcast(0.0f);
      }
    }
  }
  const Panels panels{key_panels, value_panels, sum(zeros) == 0.0f};
  for (int head = 0; head < a.group; ++head) {
    int64_t first = 0;
    for (; first + tile_rows <= a.queries; first += tile_rows)
      attend_block<tile_rows>(a, head, first, panels, scores);
    attend_rest<tile_rows - 1>(a, head, first, a.queries - first, panels, scores);
  }
}
