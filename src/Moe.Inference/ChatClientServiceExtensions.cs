using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Moe.Inference.Chat;

namespace Moe.Inference;

/// <summary>Registers models as chat clients with a container.</summary>
public static class ChatClientServiceExtensions
{
    /// <summary>
    /// Registers an <see cref="IChatClient"/> that answers with a model. The model is loaded, a context and a session are made when the
    /// client is first resolved, which blocks until then; the container disposes them all. Calls at the same time wait for each other.
    /// </summary>
    /// <param name="services">The container's services.</param>
    /// <param name="modelPath">A GGUF file, or any part of a split one.</param>
    /// <param name="model">How to load; null for defaults. Logs go to the container's logger factory, unless these name one.</param>
    /// <param name="context">How to make it ready to run; null for defaults.</param>
    /// <param name="defaults">What holds where a call asks for nothing; null for the usual, see <see cref="ChatClientExtensions.AsChatClient"/>.</param>
    /// <returns><paramref name="services"/>.</returns>
    public static IServiceCollection AddMoeChatClient(
        this IServiceCollection services, string modelPath, ModelOptions? model = null, ContextOptions? context = null, GenerationOptions? defaults = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentException.ThrowIfNullOrEmpty(modelPath);
        return services.AddSingleton<IChatClient>(provider =>
        {
            ModelOptions loading = model ?? new ModelOptions();
            return Create(modelPath, loading with { LoggerFactory = loading.LoggerFactory ?? provider.GetService<ILoggerFactory>() }, context, defaults);
        });
    }

    private static MoeChatClient Create(string path, ModelOptions loading, ContextOptions? contextOptions, GenerationOptions? defaults)
    {
        Model model = Model.Load(path, loading);
        Context? context = null;
        try
        {
            context = model.CreateContext(contextOptions);
            // The session's memory goes with the context, which also ends a call that still runs.
            return new MoeChatClient(context.CreateSession(), defaults, context, model);
        }
        catch
        {
            context?.Dispose();
            model.Dispose();
            throw;
        }
    }
}
