#include "json.h"

#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace ldc::check_program {

class JsonReader {
 public:
  explicit JsonReader(const std::string& text) : text_(text) {}

  Json document() {
    Json value = read();
    skip();
    if (at_ != text_.size()) fail("more text behind the document");
    return value;
  }

 private:
  [[noreturn]] void fail(const char* what) const { throw std::runtime_error(std::string("JSON: ") + what + " at byte " + std::to_string(at_)); }

  void skip() {
    while (at_ < text_.size() && std::strchr(" \t\r\n", text_[at_]) != nullptr) ++at_;
  }
  bool take(char c) {
    skip();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void need(char c) {
    if (!take(c)) fail("something else is needed");
  }
  bool word(const char* w) {
    if (text_.compare(at_, std::strlen(w), w) != 0) return false;
    at_ += std::strlen(w);
    return true;
  }

  Json read() {
    skip();
    if (at_ >= text_.size()) fail("the text ends");
    Json value;
    if (take('{')) {
      if (take('}')) return value;
      do {
        skip();
        std::string key = string();
        need(':');
        value.members_[std::move(key)] = read();
      } while (take(','));
      need('}');
    } else if (take('[')) {
      if (take(']')) return value;
      do value.items_.push_back(read());
      while (take(','));
      need(']');
    } else if (text_[at_] == '"') {
      value.text_ = string();
    } else if (word("true")) {
      value.number_ = 1;
    } else if (!word("false") && !word("null")) {
      char* end = nullptr;
      value.number_ = std::strtod(text_.c_str() + at_, &end);
      if (end == text_.c_str() + at_) fail("not a value");
      at_ = static_cast<size_t>(end - text_.c_str());
    }
    return value;
  }

  // Escapes beyond ASCII do not occur in what is compared; they become a question mark.
  std::string string() {
    if (at_ >= text_.size() || text_[at_] != '"') fail("a string is needed");
    std::string value;
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] != '\\') {
        value += text_[at_];
        continue;
      }
      if (++at_ >= text_.size()) break;
      const char* from = "bfnrt";
      const char* found = std::strchr(from, text_[at_]);
      if (text_[at_] == 'u') {
        value += '?';
        at_ += 4;
      } else {
        value += found != nullptr ? "\b\f\n\r\t"[found - from] : text_[at_];
      }
    }
    if (at_ >= text_.size()) fail("a string does not end");
    ++at_;
    return value;
  }

  const std::string& text_;
  size_t at_ = 0;
};

Json Json::parse(const std::string& text) { return JsonReader(text).document(); }

const Json& Json::at(const std::string& key) const {
  const auto found = members_.find(key);
  if (found == members_.end()) throw std::runtime_error("JSON: there is no '" + key + "'");
  return found->second;
}

}  // namespace ldc::check_program
