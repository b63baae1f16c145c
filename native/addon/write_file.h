// The weights as a file: a header made by the caller, then stored bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/backend.h"

namespace zest::addon {

// Writes `header`, then the stored bytes of the parameters in the order of `indexes`, weights with
// their LoRA adapters merged (core/merge.h) where those are not written beside them, and flushes
// them to disk. Throws ERR_ZEST_FILE; what is at `path` is then incomplete.
void write_file(const std::string& path, const std::vector<uint8_t>& header,
                const std::vector<int32_t>& indexes, Backend& backend, const AbortFlag& abort);

}  // namespace zest::addon
