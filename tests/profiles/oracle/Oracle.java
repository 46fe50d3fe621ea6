import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.validation.ValidationOptions;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.PrePopulatedValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;

/**
 * HL7's validator without a network: one question per line of standard input, one answer per line of standard output.
 * Question: {"content": JSON text, "profiles": [URL], "definitions": [resource]}. Answer: [{severity, id, expression,
 * message}]; the severity "crash" if there is no verdict. Definitions of the first line count for all questions.
 */
public class Oracle {
  private static final FhirContext CONTEXT = FhirContext.forR4();

  public static void main(String[] arguments) throws Exception {
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    System.setOut(System.err); // the libraries print
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    IValidationSupport core = new DefaultProfileValidationSupport(CONTEXT);
    IValidationSupport shared = null;
    FhirInstanceValidator usual = null;
    for (String line; (line = lines.readLine()) != null; ) {
      JsonObject question = JsonParser.parseString(line).getAsJsonObject();
      if (shared == null) {
        shared = new ValidationSupportChain(core, definitions(question));
        usual = validator(shared);
      } else {
        boolean alone = question.getAsJsonArray("definitions").isEmpty();
        out.println(answer(question, alone ? usual : validator(shared, definitions(question))));
      }
    }
  }

  private static PrePopulatedValidationSupport definitions(JsonObject question) {
    PrePopulatedValidationSupport support = new PrePopulatedValidationSupport(CONTEXT);
    question.getAsJsonArray("definitions")
        .forEach(one -> support.addResource(CONTEXT.newJsonParser().parseResource(one.toString())));
    return support;
  }

  private static FhirInstanceValidator validator(IValidationSupport... definitions) {
    ValidationSupportChain chain = new ValidationSupportChain(definitions);
    chain.addValidationSupport(new SnapshotGeneratingValidationSupport(CONTEXT));
    chain.addValidationSupport(new CommonCodeSystemsTerminologyService(CONTEXT));
    chain.addValidationSupport(new InMemoryTerminologyServerValidationSupport(CONTEXT));
    FhirInstanceValidator validator = new FhirInstanceValidator(chain);
    validator.setAnyExtensionsAllowed(true);
    validator.setErrorForUnknownProfiles(false);
    return validator;
  }

  private static JsonArray answer(JsonObject question, FhirInstanceValidator validator) {
    JsonArray found = new JsonArray();
    try {
      ValidationOptions options = new ValidationOptions();
      question.getAsJsonArray("profiles").forEach(url -> options.addProfile(url.getAsString()));
      CONTEXT.newValidator().registerValidatorModule(validator)
          .validateWithResult(question.get("content").getAsString(), options).getMessages()
          .forEach(one -> found.add(
              issue(one.getSeverity().getCode(), one.getMessageId(), one.getLocationString(), one.getMessage())));
    } catch (Exception | StackOverflowError error) {
      found.add(issue("crash", error.getClass().getSimpleName(), "", error.getMessage()));
    }
    return found;
  }

  private static JsonObject issue(String severity, String id, String expression, String message) {
    JsonObject one = new JsonObject();
    one.addProperty("severity", severity);
    one.addProperty("id", id);
    one.addProperty("expression", expression);
    one.addProperty("message", message);
    return one;
  }
}
