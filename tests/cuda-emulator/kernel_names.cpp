#include "kernel_names.h"

#include <cctype>

namespace moe_emu
{
    namespace
    {
        const std::string Marker = "__attribute__((moe_kernel))";

        bool is_word(char c) { return isalnum((unsigned char)c) || c == '_'; }

        // Whether the declaration that the marker is in begins with extern "C".
        bool is_c(const std::string& text, size_t marker)
        {
            size_t begin = text.find_last_of(";{}", marker);
            std::string head = text.substr(begin + 1, marker - begin - 1);
            size_t external = head.find("extern");
            return external != std::string::npos && head.find("\"C\"", external) != std::string::npos;
        }

        // The word before the parameter list; attributes come with a list of their own.
        std::string name_after(const std::string& text, size_t at)
        {
            while (true)
            {
                size_t open = text.find('(', at);
                if (open == std::string::npos) return "";
                size_t end = open;
                while (end > at && isspace((unsigned char)text[end - 1])) end--;
                size_t begin = end;
                while (begin > at && is_word(text[begin - 1])) begin--;
                std::string word = text.substr(begin, end - begin);
                if (word != "__attribute__" && word != "alignas") return word;
                int depth = 0;
                for (at = open; at < text.size(); at++)
                {
                    if (text[at] == '(') depth++;
                    if (text[at] == ')' && --depth == 0) break;
                }
            }
        }
    }

    std::set<std::string> c_kernel_names(const std::string& text)
    {
        std::set<std::string> names;
        for (size_t at = text.find(Marker); at != std::string::npos; at = text.find(Marker, at + 1))
            if (is_c(text, at))
                if (std::string name = name_after(text, at + Marker.size()); !name.empty()) names.insert(name);
        return names;
    }
}
