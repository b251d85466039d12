using System.Runtime.CompilerServices;

namespace Moe.Inference.Chat.Jinja;

/// <summary>What a template may use before it is stopped: templates come with downloaded models and are not trusted with the process.</summary>
internal static class Limits
{
    /// <summary>Length of a template's source, in characters.</summary>
    public const int SourceLength = 4 << 20;

    /// <summary>Nesting of the syntax tree while parsing.</summary>
    public const int ParseDepth = 400;

    /// <summary>Nesting of evaluation: expressions, statements and macro calls together.</summary>
    public const int EvaluationDepth = 2000;

    /// <summary>Steps of one render: a step is a node evaluated, an item walked over, or <see cref="CharactersPerStep"/> characters copied.</summary>
    public const long Steps = 10_000_000;

    /// <summary>How many characters handled count as one step.</summary>
    public const int CharactersPerStep = 16;

    /// <summary>Length of any text, the output included, in UTF-16 units (64 MB).</summary>
    public const int TextLength = 32 << 20;

    /// <summary>Length of a range, as in Jinja's sandbox.</summary>
    public const int Range = 100_000;

    /// <summary>Size of an integer, in bits: a little more than Python agrees to print.</summary>
    public const int IntegerBits = 16_384;

    /// <summary>Nesting of the input's lists and objects.</summary>
    public const int InputDepth = 256;

    /// <summary>Throws where the thread's stack is nearly used up.</summary>
    public static void CheckStack()
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
            throw TooDeep();
    }

    /// <summary>Throws for a text of this length, in UTF-16 units.</summary>
    public static void CheckLength(long length)
    {
        if (length > TextLength)
            throw new ChatTemplateException($"a text grows beyond {TextLength} characters");
    }

    public static ChatTemplateException TooDeep() => new("the template or its values are nested too deeply");
}
