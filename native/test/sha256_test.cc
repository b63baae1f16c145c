// The examples of FIPS 180-4, and lengths around the block.
#include "core/sha256.h"

#include "test/check.h"

namespace zest {
namespace {

std::string sha256(const std::string& text, size_t piece) {
  Sha256 hash;
  for (size_t i = 0; i < text.size(); i += piece) {
    hash.update(std::as_bytes(std::span(text).subspan(i, std::min(piece, text.size() - i))));
  }
  return hash.finish();
}

TEST("known answers") {
  CHECK(sha256("", 1) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256("abc", 3) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 7) ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(sha256(std::string(1000000, 'a'), 1000) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST("pieces of any length give the same digest") {
  for (size_t length = 50; length < 140; ++length) {
    const std::string text(length, 'z');
    for (size_t piece = 1; piece < 130; piece += 9)
      CHECK(sha256(text, piece) == sha256(text, length));
  }
}

}  // namespace
}  // namespace zest
