#include <cstring>

#include "core/blocks.h"
#include "cpu/kernels/kernels.h"

namespace zest::cpu {
namespace {

int64_t group_bytes(FileType type, int panel_width) {
  const int floats = has_minimum(type) ? 2 : 1;
  return panel_width * (elements_a_scale(type) + floats * static_cast<int64_t>(sizeof(float)));
}

}  // namespace

int64_t quantized_panel_bytes(FileType type, int64_t depth, int panel_width) {
  return depth / elements_a_scale(type) * group_bytes(type, panel_width);
}

void pack_quantized(const Matrix& w, Rows rows, int panel_width, std::byte* out) {
  const int group = elements_a_scale(w.blocks);
  const int64_t bytes = group_bytes(w.blocks, panel_width);
  std::memset(out, 0, static_cast<size_t>(quantized_panel_bytes(w.blocks, w.columns, panel_width)));
  for (int64_t row = 0; row < rows.count; ++row) {
    for (int64_t column = 0; column < w.columns; column += quanta) {
      Quanta q;
      unpack(w.blocks, w.data, rows[row] * w.columns + column, q);
      for (int i = 0; i < quanta; i += group) {
        std::byte* to = out + (column + i) / group * bytes;
        const auto put = [&](float value) {
          std::memcpy(to + row * static_cast<int64_t>(sizeof value), &value, sizeof value);
          to += panel_width * static_cast<int64_t>(sizeof value);
        };
        put(q.scale[i / 16]);
        if (has_minimum(w.blocks)) put(q.minimum);
        for (int e = 0; e < group; ++e)
          to[e * panel_width + row] = static_cast<std::byte>(q.values[i + e]);
      }
    }
  }
}

}  // namespace zest::cpu
