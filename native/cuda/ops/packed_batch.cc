#include "cuda/ops/packed_batch.h"

#include <algorithm>
#include <bit>

namespace zest::cuda {
namespace {

constexpr int64_t rows_at_once = 64;

int32_t narrow(int64_t n) { return static_cast<int32_t>(n); }

// Appends values, and fills up to `size` with `fill`; returns where they begin.
size_t append(std::vector<int32_t>& block, const std::vector<int32_t>& values, int64_t size,
              int32_t fill) {
  while (block.size() % 4 != 0) block.push_back(0);  // arrays begin at multiples of 16 bytes
  const size_t at = block.size();
  block.insert(block.end(), values.begin(), values.end());
  block.resize(at + static_cast<size_t>(size), fill);
  return at;
}

std::vector<int32_t> distinct(std::vector<int32_t> values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

// The rows of a table that occur, in the order in which they come, and which of them each id is.
struct TableRows {
  std::vector<int32_t> rows, slots;
};

TableRows rows_of(const std::vector<int32_t>& ids) {
  TableRows found;
  std::vector<int32_t> slot_of(
      static_cast<size_t>(ids.empty() ? 0 : *std::max_element(ids.begin(), ids.end()) + 1), -1);
  found.slots.reserve(ids.size());
  for (const int32_t id : ids) {
    int32_t& slot = slot_of[static_cast<size_t>(id)];
    if (slot < 0) {
      slot = narrow(static_cast<int64_t>(found.rows.size()));
      found.rows.push_back(id);
    }
    found.slots.push_back(slot);
  }
  return found;
}

int64_t key_parts(const Batch& batch, const ModelSpec& spec, const KeyValueCache& cache) {
  int64_t most = 0;
  for (int32_t s = 0; s < batch.sequences(); ++s) {
    if (batch.length(s) > 1) return 0;
    most = std::max(most, cache.capacity(s));
  }
  const int prefix = spec.roles.layers.empty() ? -1 : spec.roles.layers.front().prefix.key;
  if (prefix >= 0) most += spec.parameters[static_cast<size_t>(prefix)].rows;
  return most > keys_a_part ? (most + keys_a_part - 1) / keys_a_part : 0;
}

int32_t place(const std::vector<int32_t>& sorted, int32_t value) {
  return narrow(std::lower_bound(sorted.begin(), sorted.end(), value) - sorted.begin());
}

// The rows of a sequence's keys: its own, and before them those of its parent.
struct KeyRows {
  int32_t first, count, first_shared, shared;
};

constexpr int64_t integers_a_tile = sizeof(AttentionTile) / sizeof(int32_t);

// Queries starts[s] .. starts[s + 1) of each sequence, a tile at a time. What fills a bucket, up to
// `rows`, has no keys.
std::vector<int32_t> tiles_of(const std::vector<KeyRows>& keys, const std::vector<int32_t>& starts,
                              int64_t rows, int32_t at_once) {
  std::vector<int32_t> tiles;
  const int32_t end = narrow(rows);
  for (size_t i = 0; i < keys.size(); ++i) {
    const auto& [first, count, first_shared, shared] = keys[i];
    for (int32_t query = starts[i]; query < starts[i + 1]; query += at_once) {
      tiles.insert(tiles.end(), {query, std::min(at_once, starts[i + 1] - query), first, count,
                                 first_shared, shared});
    }
  }
  for (int32_t query = starts.back(); query < end; query += at_once) {
    tiles.insert(tiles.end(), {query, std::min(at_once, end - query), 0, 0, 0, 0});
  }
  return tiles;
}

}  // namespace

int64_t most_tiles(int64_t rows, int64_t sequences, StorageType type) {
  return rows / queries_a_tile(type) + sequences + 1;
}

int64_t bucket(int64_t n) {
  if (n <= 64) return (n + 7) / 8 * 8;
  // Sixteen buckets an octave: at most a sixteenth is filled up.
  const int64_t step = int64_t{1} << (std::bit_width(static_cast<uint64_t>(n - 1)) - 5);
  return (n + step - 1) / step * step;
}

PackedBatch pack(const Batch& batch, const ModelSpec& spec, StorageType type,
                 const KeyValueCache* cache) {
  PackedBatch packed;
  BatchShape& shape = packed.shape;
  std::vector<int32_t>& block = packed.block;
  packed.sequences = batch.sequences();
  shape.tokens = bucket(static_cast<int64_t>(batch.ids.size()));
  shape.sequences = bucket(batch.sequences());
  shape.scored = bucket(static_cast<int64_t>(batch.scored.size()));
  shape.loss = batch.loss;
  if (cache) shape.key_parts = key_parts(batch, spec, *cache);

  std::vector<int32_t> places, cache_rows;
  std::vector<KeyRows> keys;
  int32_t longest = 0;
  for (int32_t s = 0; s < batch.sequences(); ++s) {
    const int32_t parent = batch.parent(s), shared = parent < 0 ? 0 : batch.length(parent);
    const int32_t past = cache ? cache->length(s) : shared, length = past + batch.length(s);
    const int32_t first = cache ? narrow(cache->start(s)) : batch.starts[static_cast<size_t>(s)];
    for (int32_t i = past; i < length; ++i) {
      places.push_back(i);
      if (cache) cache_rows.push_back(first + i);
    }
    keys.push_back(
        {first, length, parent < 0 ? 0 : batch.starts[static_cast<size_t>(parent)], shared});
    if (past < length) longest = std::max(longest, length);
  }
  packed.places = (longest + rows_at_once - 1) / rows_at_once * rows_at_once;
  packed.at.cache_rows = append(block, cache_rows, cache ? shape.tokens : 0, -1);
  packed.at.places = append(block, places, shape.tokens, 0);
  std::vector<int32_t> ids[tables];
  ids[words] = batch.ids;
  for (const int32_t at : places) ids[positions].push_back(spec.position_offset + at);
  ids[segments] = batch.segments;
  if (batch.segments.empty()) ids[segments].assign(batch.ids.size(), 0);
  for (int t = 0; t < tables; ++t) {
    const TableRows found = rows_of(ids[t]);
    const int64_t rows = static_cast<int64_t>(found.rows.size());
    // Room for the words that could occur: how many do is another number for each batch.
    shape.table_rows[t] = t == words ? std::min(shape.tokens, bucket(spec.vocabulary))
                                     : (rows + rows_at_once - 1) / rows_at_once * rows_at_once;
    packed.at.slots[t] = append(block, found.slots, shape.tokens, -1);
    packed.at.table_rows[t] = append(block, found.rows, shape.table_rows[t], -1);
  }

  std::vector<int32_t> tokens;
  for (const ScoredPosition& at : batch.scored) {
    tokens.push_back(batch.starts[static_cast<size_t>(at.sequence)] + at.position);
  }
  const std::vector<int32_t> row_tokens = distinct(tokens);
  std::vector<int32_t> row_starts;
  for (const int32_t start : batch.starts) row_starts.push_back(place(row_tokens, start));
  shape.rows = bucket(static_cast<int64_t>(row_tokens.size()));
  packed.at.row_tokens = append(block, row_tokens, shape.rows, 0);
  std::vector<int32_t> row_places;
  for (const int32_t token : row_tokens) row_places.push_back(places[static_cast<size_t>(token)]);
  packed.at.row_places = append(block, row_places, shape.rows, 0);
  packed.at.tiles = append(block, tiles_of(keys, batch.starts, shape.tokens, queries_a_tile(type)),
                           integers_a_tile * most_tiles(shape.tokens, shape.sequences, type), 0);
  packed.at.row_tiles = append(block, tiles_of(keys, row_starts, shape.rows, queries_a_tile(type)),
                               integers_a_tile * most_tiles(shape.rows, shape.sequences, type), 0);

  const bool all = std::any_of(
      batch.scored.begin(), batch.scored.end(),
      [](const ScoredPosition& at) { return at.candidates_begin == at.candidates_end; });
  std::vector<int32_t> outputs;
  if (!all) outputs = distinct(batch.candidates);
  shape.outputs = all ? 0 : bucket(static_cast<int64_t>(outputs.size()));
  packed.at.outputs = append(block, outputs, shape.outputs, 0);
  std::vector<int32_t> columns;
  for (const int32_t id : batch.candidates) columns.push_back(all ? id : place(outputs, id));
  shape.candidates = bucket(static_cast<int64_t>(columns.size()));
  packed.at.columns = append(block, columns, shape.candidates, 0);

  std::vector<int32_t> row, label, first, count, logit_starts, starts = {0};
  for (size_t i = 0; i < batch.scored.size(); ++i) {
    const ScoredPosition& at = batch.scored[i];
    const bool every = at.candidates_begin == at.candidates_end;
    row.push_back(place(row_tokens, tokens[i]));
    label.push_back(at.label);
    first.push_back(every ? -1 : at.candidates_begin);
    count.push_back(every ? spec.outputs : at.candidates_end - at.candidates_begin);
    logit_starts.push_back(narrow(packed.logits));
    packed.logits += count.back();
    starts.resize(static_cast<size_t>(at.sequence) + 2, narrow(static_cast<int64_t>(i)));
    starts.back() = narrow(static_cast<int64_t>(i) + 1);
  }
  packed.at.row = append(block, row, shape.scored, 0);
  packed.at.label = append(block, label, shape.scored, 0);
  packed.at.first = append(block, first, shape.scored, -1);
  packed.at.count = append(block, count, shape.scored, 0);
  std::vector<int32_t> reference;
  for (const float value : batch.references) reference.push_back(std::bit_cast<int32_t>(value));
  packed.at.reference =
      append(block, reference, batch.loss == Loss::cross_entropy ? 0 : shape.scored, 0);
  packed.at.logit_starts = append(block, logit_starts, shape.scored, 0);
  packed.at.sequence_starts = append(block, starts, shape.sequences + 1, starts.back());
  return packed;
}

}  // namespace zest::cuda
