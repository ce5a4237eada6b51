#include "safetensors.h"

#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "json.h"

namespace ldc::check_program {

namespace {

template <class T>
void widen(const char* from, std::vector<float>& to) {
  for (size_t i = 0; i < to.size(); ++i) {
    T value;
    std::memcpy(&value, from + i * sizeof(T), sizeof(T));
    to[i] = static_cast<float>(value);
  }
}

}  // namespace

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::map<std::string, Values> read_safetensors(const std::string& path) {
  const std::string bytes = read_file(path);
  uint64_t header_bytes = 0;
  if (bytes.size() < 8) throw std::runtime_error(path + " is too short");
  std::memcpy(&header_bytes, bytes.data(), 8);
  if (header_bytes > bytes.size() - 8) throw std::runtime_error(path + " is too short for its header");
  const Json header = Json::parse(bytes.substr(8, header_bytes));
  std::map<std::string, Values> tensors;
  for (const auto& [name, entry] : header.members()) {
    if (name == "__metadata__") continue;
    Values values;
    size_t elements = 1;
    for (const Json& extent : entry.at("shape").items()) {
      values.shape.push_back(static_cast<int64_t>(extent.number()));
      elements *= static_cast<size_t>(extent.number());
    }
    values.data.resize(elements);
    const size_t begin = 8 + header_bytes + static_cast<size_t>(entry.at("data_offsets").items()[0].number());
    const std::string& type = entry.at("dtype").text();
    const size_t size = type == "I64" ? 8 : type == "F32" || type == "I32" ? 4 : 1;
    if (begin + elements * size > bytes.size()) throw std::runtime_error(path + ": " + name + " ends behind the file");
    const char* from = bytes.data() + begin;
    if (type == "F32") {
      widen<float>(from, values.data);
    } else if (type == "I64") {
      widen<int64_t>(from, values.data);
    } else if (type == "I32") {
      widen<int32_t>(from, values.data);
    } else if (type == "U8" || type == "BOOL") {
      widen<uint8_t>(from, values.data);
    } else {
      continue;  // nothing here reads halves and doubles
    }
    tensors.emplace(name, std::move(values));
  }
  return tensors;
}

}  // namespace ldc::check_program
