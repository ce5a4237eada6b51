// Tensors of a safetensors file, all as float32.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ldc::check_program {

struct Values {
  std::vector<int64_t> shape;
  std::vector<float> data;  // row-major
};

// F32, I64, I32, U8 and BOOL. Throws std::runtime_error.
std::map<std::string, Values> read_safetensors(const std::string& path);

std::string read_file(const std::string& path);

}  // namespace ldc::check_program
