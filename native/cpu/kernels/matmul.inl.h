// Y = X P for a packed panel P (depth x panel_width). Each output is one chain of fused
// multiply-adds, k ascending, the bias added last: tiles may be of any size and the bits do not
// move.

ZEST_INLINE F32 load_panel(const float* p) { return load(p); }
ZEST_INLINE F32 load_panel(const uint16_t* p) { return widen(p, 16); }

// A panel of elements as they are.
template <class Element>
struct Stored {
  static constexpr int group = 1;
  const Element* elements;
  __attribute__((always_inline)) explicit Stored(const void* panel)
      : elements(static_cast<const Element*>(panel)) {}
  __attribute__((always_inline)) void begin(int64_t k) { row = elements + k * panel_vectors * 16; }
  __attribute__((always_inline)) F32 at(int, int j) const { return load_panel(row + j * 16); }

 private:
  const Element* row = nullptr;
};

// A panel of quantised elements, as pack_quantized makes it.
template <int elements_a_scale, bool has_minimum>
struct Quantized {
  static constexpr int group = elements_a_scale;
  const std::byte* groups;
  __attribute__((always_inline)) explicit Quantized(const void* panel)
      : groups(static_cast<const std::byte*>(panel)) {}
  __attribute__((always_inline)) void begin(int64_t k) {
    constexpr int width = 16 * panel_vectors;
    const auto* floats = reinterpret_cast<const float*>(
        groups + k / group * width * (group + 4 * (has_minimum ? 2 : 1)));
    for (int j = 0; j < panel_vectors; ++j) scale[j] = load(floats + 16 * j);
    floats += width;
    for (int j = 0; has_minimum && j < panel_vectors; ++j) minimum[j] = load(floats + 16 * j);
    values = reinterpret_cast<const int8_t*>(floats + (has_minimum ? width : 0));
  }
  __attribute__((always_inline)) F32 at(int i, int j) const {
    const F32 value = scale[j] * widen(values + (i * panel_vectors + j) * 16);
    return has_minimum ? value + minimum[j] : value;
  }

 private:
  const int8_t* values = nullptr;
  F32 scale[panel_vectors], minimum[panel_vectors];
};

template <int rows, class Panel>
ZEST_INLINE void tile(const float* x, int64_t x_stride, Panel panel, int64_t depth,
                      F32 sums[rows][panel_vectors]) {
#pragma GCC unroll 16
  for (int m = 0; m < rows; ++m) {
#pragma GCC unroll 2
    for (int j = 0; j < panel_vectors; ++j) sums[m][j] = broadcast(0.0f);
  }
  for (int64_t k = 0; k < depth; k += Panel::group) {
    panel.begin(k);
    for (int i = 0; i < Panel::group; ++i) {
      F32 p[panel_vectors];
#pragma GCC unroll 2
      for (int j = 0; j < panel_vectors; ++j) p[j] = panel.at(i, j);
#pragma GCC unroll 16
      for (int m = 0; m < rows; ++m) {
        const F32 a = broadcast(x[m * x_stride + k + i]);
#pragma GCC unroll 2
        for (int j = 0; j < panel_vectors; ++j) sums[m][j] = mul_add(a, p[j], sums[m][j]);
      }
    }
  }
}

// Without the activation, and not inlined: one copy a number of rows, whatever the activation.
template <int rows, class Panel>
__attribute__((noinline)) static void product_tile(const Product& a, int64_t row) {
  F32 sums[rows][panel_vectors];
  tile<rows>(a.x + row * a.x_stride, a.x_stride, Panel(a.panel), a.depth, sums);
#pragma GCC unroll 16
  for (int m = 0; m < rows; ++m) {
#pragma GCC unroll 2
    for (int j = 0; j < panel_vectors; ++j) {
      F32 y = sums[m][j];
      const int n = lanes_left(a.columns, j);
      if (a.bias) y = y + load_first(a.bias + 16 * j, n);
      store_first(a.y + (row + m) * a.y_stride + 16 * j, y, n);
    }
  }
}

template <int rows, class Panel>
static void product_rest(const Product& a, int64_t row, int64_t left) {
  if constexpr (rows > 0) {
    if (left == rows) {
      product_tile<rows, Panel>(a, row);
    } else {
      product_rest<rows - 1, Panel>(a, row, left);
    }
  }
}

// While the outputs of a tile are in the first-level cache.
template <int activation>
static void activate_rows(const Product& a, int64_t row, int64_t end) {
  if constexpr (activation >= 0) {
    for (; row < end; ++row) {
      for (int j = 0; 16 * j < a.columns; ++j) {
        float* y = a.y + row * a.y_stride + 16 * j;
        const int n = lanes_left(a.columns, j);
        store_first(y, activate<activation>(load_first(y, n)), n);
      }
    }
  }
}

template <int activation, int tile, class Panel>
static void product(const Product& a) {
  int64_t row = 0;
  for (; row + tile <= a.rows; row += tile) {
    product_tile<tile, Panel>(a, row);
    activate_rows<activation>(a, row, row + tile);
  }
  product_rest<tile - 1, Panel>(a, row, a.rows - row);
  activate_rows<activation>(a, row, a.rows);
}

// Calls f.template operator()<activation>() for an activation known only at run time.
template <class F>
ZEST_INLINE void with_activation(int activation, F f) {
  switch (activation) {
    case static_cast<int>(Activation::gelu_erf):
      return f.template operator()<static_cast<int>(Activation::gelu_erf)>();
    case static_cast<int>(Activation::gelu_tanh):
      return f.template operator()<static_cast<int>(Activation::gelu_tanh)>();
    case static_cast<int>(Activation::gelu_quick):
      return f.template operator()<static_cast<int>(Activation::gelu_quick)>();
    case static_cast<int>(Activation::relu):
      return f.template operator()<static_cast<int>(Activation::relu)>();
    case static_cast<int>(Activation::silu):
      return f.template operator()<static_cast<int>(Activation::silu)>();
    case static_cast<int>(Activation::tanh):
      return f.template operator()<static_cast<int>(Activation::tanh)>();
    default:
      return f.template operator()<no_activation>();
  }
}

static void multiply(const Product& a) {
  // Panels that are not float32 are for few rows, and need no tiles of many; the portable set,
  // which few machines run, has none of them.
  constexpr int few = tile_rows > 4 ? 4 : 1;
  with_activation(a.activation, [&]<int activation>() {
    if (a.type.quantized != FileType::float32) {
      if (has_minimum(a.type.quantized)) return product<activation, few, Quantized<32, true>>(a);
      if (elements_a_scale(a.type.quantized) == 16)
        return product<activation, few, Quantized<16, false>>(a);
      return product<activation, few, Quantized<32, false>>(a);
    }
    if (a.type.stored == StorageType::bfloat16)
      return product<activation, few, Stored<uint16_t>>(a);
    product<activation, tile_rows, Stored<float>>(a);
  });
}

static void accumulate(float* y, const float* x, float scale, int activation, int64_t columns) {
  with_activation(activation, [&]<int chosen>() {
    for (int64_t i = 0; i < columns; i += 16) {
      const int n = lanes_left(columns - i, 0);
      const F32 sum = mul_add(broadcast(scale), load_first(x + i, n), load_first(y + i, n));
      store_first(y + i, activate<chosen>(sum), n);
    }
  });
}
