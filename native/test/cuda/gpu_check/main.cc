// zest_gpu_check [--small] [--no-tests] [--no-timings] [--only NAME] [OUTPUT.json]: every CUDA test
// and the timings on the device of this machine. Writes one JSON; the exit status is 0 if no test
// failed. --small takes tiny shapes, for compute-sanitizer; --only times the workloads in whose
// names with their type, as "film-roberta-mini 16 x 32 bfloat16", NAME is.
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

#include "core/error.h"
#include "cuda/device/device.h"
#include "test/check.h"
#include "test/cuda/gpu_check/timings.h"

namespace {

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return result + "\"";
}

}  // namespace

int main(int count, char** arguments) {
  bool small = false, tests = true, timings = true;
  std::string output, only;
  for (int i = 1; i < count; ++i) {
    if (std::strcmp(arguments[i], "--small") == 0) {
      small = true;
    } else if (std::strcmp(arguments[i], "--no-tests") == 0) {
      tests = false;
    } else if (std::strcmp(arguments[i], "--no-timings") == 0) {
      timings = false;
    } else if (std::strcmp(arguments[i], "--only") == 0 && i + 1 < count) {
      only = arguments[++i];
    } else if (arguments[i][0] != '-' && output.empty()) {
      output = arguments[i];
    } else {
      std::fprintf(stderr,
                   "usage: zest_gpu_check [--small] [--no-tests] [--no-timings] [--only NAME] "
                   "[OUTPUT.json]\n");
      return 2;
    }
  }
  const zest::cuda::DeviceReport report = zest::cuda::device_report();
  if (!report.failure.empty()) {
    std::fprintf(stderr, "%s\n", report.failure.c_str());
    return 2;
  }
  std::ostringstream json;
  json << "{\n  \"device\": " << quoted(report.devices.front())
       << ",\n  \"driver\": " << report.driver << ",\n  \"runtime\": " << report.runtime;
  if (tests) {
    check::run();
    json << ",\n  \"tests\": {\"passed\": "
         << static_cast<int>(check::tests().size()) - check::failed
         << ", \"failed\": " << check::failed << "}";
  }
  std::string trouble;
  if (timings) {
    json << ",\n  \"timings\": [";
    try {
      const char* separator = "\n    ";
      for (const zest::test::Timing& t : zest::test::measure(small, only)) {
        json << separator << "{\"name\": " << quoted(t.name)
             << ", \"milliseconds\": " << t.milliseconds << ", \"lowest\": " << t.lowest
             << ", \"highest\": " << t.highest << ", \"repeats\": " << t.repeats;
        if (t.floor > 0) {
          json << ", \"floor\": " << t.floor << ", \"floorOf\": " << quoted(t.floor_of)
               << ", \"share\": " << t.floor / t.milliseconds;
        }
        json << "}";
        separator = ",\n    ";
      }
    } catch (const std::exception& error) {
      trouble = error.what();
      std::fprintf(stderr, "the timings ended: %s\n", trouble.c_str());
    }
    json << "\n  ]";
  }
  if (!trouble.empty()) json << ",\n  \"timingsEnded\": " << quoted(trouble);
  json << "\n}\n";
  if (output.empty()) {
    std::cout << json.str();
  } else {
    std::ofstream(output) << json.str();
  }
  return check::failed == 0 && trouble.empty() ? 0 : 1;
}
