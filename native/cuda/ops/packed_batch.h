// A batch as the kernels read it: one block of 32-bit integers, made on the host and copied in one
// piece. Sizes are rounded up to buckets, so that batches of like shape share a CUDA graph; what
// fills a bucket is read by nothing that counts.
#pragma once

#include <cstdint>
#include <vector>

#include "core/batch.h"
#include "core/transformer/spec.h"
#include "cuda/kernels/attention.h"
#include "cuda/ops/key_value_cache.h"

namespace zest::cuda {

enum Table { words = 0, positions = 1, segments = 2 };
constexpr int tables = 3;

// Sizes in buckets. Few of them, so that batches of a task share graphs: what they do not settle is
// as large as they allow.
struct BatchShape {
  int64_t tokens = 0, sequences = 0;
  int64_t rows = 0;     // distinct scored tokens
  int64_t scored = 0;   // scored positions
  int64_t outputs = 0;  // of the head that are scored; 0: all
  int64_t table_rows[tables] = {};
  int64_t candidates = 0;
  // Of attention to a cache, where no sequence gets more than a token and one may have more keys
  // than a part: by the sequences' capacities, not by what they have so far. 0: whole.
  int64_t key_parts = 0;
  Loss loss = Loss::cross_entropy;
  auto operator<=>(const BatchShape&) const = default;
};

struct PackedBatch {
  BatchShape shape;
  std::vector<int32_t> block;
  // Offsets into the block.
  struct Offsets {
    size_t slots[tables], table_rows[tables];
    size_t tiles, row_tiles;          // AttentionTile; of all tokens, and of the scored ones
    size_t places, row_places;        // among all keys of their sequences; of the same
    size_t cache_rows;                // of all tokens, -1 of what fills a bucket; empty: no cache
    size_t row_tokens;                // token of each distinct scored row
    size_t row, label, first, count;  // of each scored position (loss.h)
    size_t reference;                 // of the same, float32; none of cross-entropy
    size_t columns, outputs;
    size_t sequence_starts;  // into the scored positions
    size_t logit_starts;     // of copy_logits
  } at;
  // What is true, not rounded up.
  int64_t sequences = 0, logits = 0;
  // No token has a later place in its sequence.
  int64_t places = 0;
};

// With a cache, which goes without parents, tokens come after those that it has of their sequences,
// and keys are its rows.
PackedBatch pack(const Batch& batch, const ModelSpec& spec, StorageType type,
                 const KeyValueCache* cache = nullptr);

// No batch of so many rows and sequences, in buckets, has more attention tiles.
int64_t most_tiles(int64_t rows, int64_t sequences, StorageType type);

// The smallest bucket that holds n.
int64_t bucket(int64_t n);

}  // namespace zest::cuda
