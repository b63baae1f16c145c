// Tokens of growing sequences go through a device in order, each once, in parts that it takes.
#include "core/growth.h"

#include <vector>

#include "test/check.h"

namespace zest {
namespace {

TEST("each sequence has its own rows, and no more tokens than rows") {
  Growth growth(std::vector<int32_t>{3, 0, 4});
  CHECK(growth.sequences() == 3 && growth.rows() == 7 && growth.capacity(2) == 4);
  CHECK(growth.start(0) == 0 && growth.start(1) == 3 && growth.start(2) == 3);
  growth.check_room(std::vector<int32_t>{0, 3, 3, 7});
  growth.grow(0, 2);
  CHECK(growth.length(0) == 2 && growth.length(2) == 0);
  growth.check_room(std::vector<int32_t>{0, 1});
  for (const std::vector<int32_t>& starts :
       {std::vector<int32_t>{0, 2}, {0, 0, 1}, {0, 0, 0, 5}, {0, 0, 0, 0, 0}}) {
    CHECK_THROWS("ERR_ZEST_INTERNAL", growth.check_room(starts));
  }
  const std::vector<int32_t> most(3, 1 << 30);
  CHECK(Growth(most).rows() == int64_t{3} << 30);
}

struct Part {
  std::vector<int32_t> ids, starts, scored;  // of each that is scored its sequence and position
  int32_t whole;
};

std::vector<Part> parts_of(const std::vector<int32_t>& starts, int32_t at_once) {
  std::vector<int32_t> ids;
  for (int32_t i = 0; i < starts.back(); ++i) ids.push_back(i);
  std::vector<Part> parts;
  for_each_part(ids, starts, at_once, [&](const Batch& batch, int32_t whole) {
    Part part{batch.ids, batch.starts, {}, whole};
    for (const ScoredPosition& at : batch.scored)
      part.scored.insert(part.scored.end(), {at.sequence, at.position});
    parts.push_back(part);
  });
  return parts;
}

TEST("tokens in parts: all at once, a long sequence cut, one that gets none") {
  const std::vector<int32_t> starts = {0, 2, 2, 7, 8};
  const std::vector<Part> one = parts_of(starts, 8);
  CHECK(one.size() == 1 && one[0].starts == starts && one[0].whole == 3);
  CHECK(one[0].scored == std::vector<int32_t>({0, 1, 2, 4, 3, 0}));
  const std::vector<Part> cut = parts_of(starts, 3);
  CHECK(cut.size() == 3);
  CHECK(cut[0].ids == std::vector<int32_t>({0, 1, 2}) && cut[0].whole == 1);
  CHECK(cut[0].starts == std::vector<int32_t>({0, 2, 2, 3}));
  CHECK(cut[0].scored == std::vector<int32_t>({0, 1, 2, 0}));
  CHECK(cut[1].ids == std::vector<int32_t>({3, 4, 5}) && cut[1].whole == 0);
  CHECK(cut[1].starts == std::vector<int32_t>({0, 0, 0, 3}));
  CHECK(cut[2].ids == std::vector<int32_t>({6, 7}) && cut[2].whole == 2);
  CHECK(cut[2].starts == std::vector<int32_t>({0, 0, 0, 1, 2}));
  CHECK(cut[2].scored == std::vector<int32_t>({2, 0, 3, 0}));
  CHECK(parts_of({0, 0, 0}, 3).empty());
}

}  // namespace
}  // namespace zest
