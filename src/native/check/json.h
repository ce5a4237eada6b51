// Just enough JSON to read a fixture manifest and a safetensors header, so that the check builds with nothing but CMake and nvcc.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace ldc::check_program {

class Json {
 public:
  // Throws std::runtime_error with the position of what cannot be read.
  static Json parse(const std::string& text);

  bool has(const std::string& key) const { return members_.count(key) > 0; }
  const Json& at(const std::string& key) const;
  const std::map<std::string, Json>& members() const { return members_; }
  const std::vector<Json>& items() const { return items_; }
  double number() const { return number_; }
  bool boolean() const { return number_ != 0; }
  const std::string& text() const { return text_; }

 private:
  friend class JsonReader;
  std::map<std::string, Json> members_;
  std::vector<Json> items_;
  double number_ = 0;
  std::string text_;
};

}  // namespace ldc::check_program
