// Runs a target where there is no libFuzzer: over the files of a corpus, and over mutations of
// them, the same ones each time. `TARGET CORPUS [MUTATIONS]`; closes with `N passed, N failed`.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" void __sanitizer_set_death_callback(void (*callback)());

namespace {

using Bytes = std::vector<uint8_t>;

constexpr size_t most_bytes = 1024;

// What is run, for who looks at a crash.
Bytes now;

void save() {
  std::ofstream("crash.bin", std::ios::binary)
      .write(reinterpret_cast<const char*>(now.data()), static_cast<std::streamsize>(now.size()));
  std::fprintf(stderr, "the input is in crash.bin\n");
}

std::vector<Bytes> corpus_of(const char* folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry);
  std::sort(paths.begin(), paths.end());
  std::vector<Bytes> corpus;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return corpus;
}

// One to eight changes: a byte, a bit, a number that is at an edge, a piece of another, a cut.
void mutate(Bytes& bytes, const std::vector<Bytes>& corpus, std::mt19937_64& random) {
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  for (size_t changes = 1 + below(8); changes > 0; --changes) {
    const size_t at = below(bytes.size() + 1);
    const auto place = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    if (at == bytes.size()) {
      bytes.push_back(static_cast<uint8_t>(random()));
      continue;
    }
    switch (below(5)) {
      case 0:
        bytes[at] = static_cast<uint8_t>(random());
        break;
      case 1:
        bytes[at] ^= static_cast<uint8_t>(1u << below(8));
        break;
      case 2: {
        constexpr uint8_t edges[] = {0, 1, 0x7f, 0x80, 0xff};
        const uint8_t edge = edges[below(sizeof edges)];
        for (size_t i = at; i < std::min(bytes.size(), at + (size_t{1} << below(4))); ++i)
          bytes[i] = edge;
        break;
      }
      case 3: {
        const Bytes& other = corpus[below(corpus.size())];
        const size_t count = std::min(other.size(), below(32));
        bytes.insert(place, other.end() - static_cast<std::ptrdiff_t>(count), other.end());
        break;
      }
      default:
        bytes.erase(place,
                    place + static_cast<std::ptrdiff_t>(std::min(bytes.size() - at, 1 + below(8))));
    }
  }
  if (bytes.size() > most_bytes) bytes.resize(most_bytes);
}

void run(Bytes bytes) {
  now = std::move(bytes);
  LLVMFuzzerTestOneInput(now.data(), now.size());
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) return 2;
  __sanitizer_set_death_callback(save);
  std::vector<Bytes> corpus = corpus_of(arguments[1]);
  for (const Bytes& bytes : corpus) run(bytes);
  corpus.push_back({});
  std::mt19937_64 random(1);
  for (long left = count > 2 ? std::atol(arguments[2]) : 0; left > 0; --left) {
    Bytes bytes = corpus[random() % corpus.size()];
    mutate(bytes, corpus, random);
    run(std::move(bytes));
  }
  std::printf("1 passed, 0 failed\n");  // a fault ends the process before
  return 0;
}
