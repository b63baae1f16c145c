// What each instruction set provides: operations on plain memory, one thread's share at a time. The
// functions of all sets compute the same bits; only panel_width differs between them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/direction.h"
#include "core/rule.h"
#include "core/transformer/spec.h"

namespace zest::cpu {

// A parameter's storage. `base` is the noise address of its first element; rows start at multiples
// of row_alignment.
struct Matrix {
  void* data = nullptr;
  StorageType type = StorageType::float32;
  int64_t rows = 0, columns = 0;
  uint64_t base = 0;
  FileType blocks = FileType::float32;  // a quantised one: data are its blocks, whatever the type
};

// Directions restricted to one parameter, and how much of each goes into each point of a group.
struct Noise {
  static constexpr int max_points = 2;
  uint64_t seed = 0;
  Law law = Law::gaussian;  // low_rank only where factors_a is set: vectors stay Gaussian
  int count = 0;            // streams
  const uint64_t* streams = nullptr;
  const float* radius = nullptr;  // Law::sphere: sqrt(d) / |z|, one a stream
  // Low rank, one a stream: A, rows x rank, from factors_row on; B transposed, rank x padded
  // columns.
  const float* const* factors_a = nullptr;
  const float* const* factors_b = nullptr;
  int64_t factors_row = 0;
  int rank = 0;
  int points = 1;
  const float* scales[max_points] = {};  // one a stream
};

// Rows of a matrix: index[i], or first + i.
struct Rows {
  const int32_t* index = nullptr;
  int64_t first = 0;
  int64_t count = 0;
  __attribute__((always_inline)) int64_t operator[](int64_t i) const {
    return index ? index[i] : first + i;
  }
};

// The state that an update uses of a matrix, rows x columns; null where it uses none.
struct StateOf {
  float* first = nullptr;   // the momentum, or the first moment
  float* second = nullptr;  // the second moment
  float* anchor = nullptr;
};

// What a packed panel holds.
struct PanelType {
  StorageType stored = StorageType::float32;
  FileType quantized = FileType::float32;  // of a panel that pack_quantized made
  bool operator==(const PanelType&) const = default;
};

// Y = activation(X W^T + bias) for the columns of one panel of W.
struct Product {
  const float* x;
  int64_t x_stride, rows, depth;
  const void* panel;  // depth x panel_width
  int columns;        // of the panel, <= panel_width
  const float* bias;  // of these columns, or null
  int activation;     // of Activation, or no_activation
  float* y;
  int64_t y_stride;
  PanelType type = {};
};

// Consecutive keys and values of one head.
struct KeySpan {
  const float* k = nullptr;
  const float* v = nullptr;
  int64_t stride = 0, count = 0;
};

// Softmax(scale Q K^T) V of the heads that share one head of keys, for one sequence.
struct Attention {
  const float* q;  // head h of the group begins h * width further
  int64_t q_stride, queries;
  int group;         // heads
  KeySpan spans[3];  // in order: a trained prefix, those of a prompt or a cache, the sequence's own
  int width;         // of a head
  float scale;
  // Causal: of each query its place among the last span's keys; it sees none after it. null: all.
  const int32_t* places;
  int64_t window;  // causal: 0, or how many of the keys after the prefix a query sees
  float* out;
  int64_t out_stride;
  float* scratch;  // attention_scratch(keys, width) floats

  int64_t keys() const { return spans[0].count + spans[1].count + spans[2].count; }
};

struct Kernels {
  const char* name;
  int panel_width;

  // length values of v(stream) at any offset, for a law without state.
  void (*fill)(uint64_t seed, uint64_t stream, uint64_t offset, int64_t length, Law law,
               float* out);
  // round(z^2 2^24), summed over elements of a Gaussian row.
  int64_t (*sum_of_squares)(uint64_t seed, uint64_t stream, uint64_t offset, int64_t length);
  // The first `rank` <= 64 values of Gaussian rows first .. first + count: out[i * stride + q], or
  // transposed out[q * stride + i].
  void (*factor)(uint64_t seed, uint64_t stream, uint64_t base, int64_t first, int64_t count,
                 int rank, bool transposed, float* out, int64_t stride);
  // v of one stream (scale 1, no weights) for rows of a matrix: out[i * columns].
  void (*direction)(const Matrix& w, const Noise& noise, Rows rows, float* out);
  // W + sum scale v for each point: out[p] + i * stride.
  void (*perturb)(const Matrix& w, const Noise& noise, Rows rows, float* const* out,
                  int64_t stride);
  // The same, transposed into panels of panel_width columns for multiply; out[p] has
  // panel_floats(columns).
  void (*pack)(const Matrix& w, const Noise& noise, Rows rows, float* const* out);
  // As pack, for columns first .. first + count <= packed_columns of a matrix that is stored in x
  // out: packed_columns / panel_width panels, one after the other.
  void (*pack_columns)(const Matrix& w, const Noise& n, int64_t first, int64_t count,
                       float* const* out);
  void (*multiply)(const Product& product);
  // y = activation(y + scale x), one row.
  void (*accumulate)(float* y, const float* x, float scale, int activation, int64_t columns);
  // y = y x, one row.
  void (*gate)(float* y, const float* x, int64_t columns);
  // Turns pairs of components of `heads` heads, one after the other: component i with i + half, by
  // the angle whose cosine and sine are given.
  void (*rotate)(float* row, int64_t heads, int64_t width, const float* cosines, const float* sines,
                 int64_t half);
  void (*attend)(const Attention& attention);
  // out = norm(sum of terms); without a weight the sum itself. A bias may be null.
  void (*normalize)(float* out, const float* const* terms, int count, Norm norm,
                    const float* weight, const float* bias, float epsilon, int64_t columns);
  float (*cross_entropy)(const float* logits, int64_t count, int64_t label);
  // theta <- theta - what the step's rule makes of sum scale v, scales[0] of the noise; bfloat16
  // rounds stochastically.
  void (*apply)(const Matrix& w, const Noise& noise, Rows rows, const Step& step,
                const StateOf& state, uint64_t rounding_stream);
};

constexpr int64_t packed_columns = 64;

// Floats of one packed panel.
inline int64_t panel_floats(int64_t depth, int panel_width) {
  return (depth + 63) / 64 * 64 * panel_width;
}

// Bytes of one panel of quantised weights.
int64_t quantized_panel_bytes(FileType type, int64_t depth, int panel_width);

// Packs rows of quantised weights as they are: for each group of elements of a row that share a
// scale the scales of panel_width rows, their minima where the type has them, and the elements, one
// after the other, each of panel_width rows.
void pack_quantized(const Matrix& w, Rows rows, int panel_width, std::byte* out);

inline int64_t attention_scratch(int64_t keys, int64_t width, int panel_width) {
  const int64_t key_panels = (keys + panel_width - 1) / panel_width;
  const int64_t width_panels = (width + panel_width - 1) / panel_width;
  constexpr int64_t most_tile_rows = 16;
  return key_panels * panel_width * ((width + 15) / 16 * 16) +
         width_panels * panel_width * ((keys + 15) / 16 * 16) +
         most_tile_rows * (key_panels * panel_width + width_panels * panel_width);
}

// Natural logarithm, the same bits everywhere; out of line so that no instruction set compiles its
// own copy.
double natural_log(double x);

extern const Kernels kernels_portable, kernels_avx2, kernels_avx512, kernels_neon;

}  // namespace zest::cpu
