import java.io.FileInputStream;
import java.util.Collections;
import java.util.Date;
import java.util.HashSet;
import java.util.Set;
import java.util.TreeMap;
import javax.xml.parsers.DocumentBuilderFactory;
import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.Foundries;
import org.verapdf.pdfa.flavours.PDFAFlavour;
import org.verapdf.pdfa.results.TestAssertion;
import org.verapdf.pdfa.results.ValidationResult;
import org.verapdf.pdfa.validation.profiles.Profiles;
import org.verapdf.pdfa.validation.profiles.Rule;
import org.verapdf.pdfa.validation.profiles.ValidationProfile;
import org.verapdf.pdfa.validation.profiles.Variable;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/** Validates one PDF against PDF/A-3a and PDF/UA-1 with veraPDF's engine; prints each broken rule, exits 1 if any. */
public class Conformance {
    private static final String PLACE = "org/verapdf/pdfa/validation/";

    private static String read(Element parent, String tag) {
        NodeList found = parent.getElementsByTagName(tag);
        return found.getLength() == 0 ? null : found.item(0).getTextContent();
    }

    private static Rule readRule(Element rule) {
        Element id = (Element) rule.getElementsByTagName("id").item(0);
        Boolean deferred = rule.hasAttribute("deferred") ? Boolean.valueOf(rule.getAttribute("deferred")) : null;
        return Profiles.ruleFromValues(
            Profiles.ruleIdFromValues(
                PDFAFlavour.Specification.valueOf(id.getAttribute("specification")),
                id.getAttribute("clause"),
                Integer.parseInt(id.getAttribute("testNumber"))),
            rule.getAttribute("object"), deferred, rule.getAttribute("tags"), read(rule, "description"), read(rule, "test"),
            Profiles.errorFromValues(read(rule, "message"), Collections.emptyList()), Collections.emptyList());
    }

    private static ValidationProfile load(String file, PDFAFlavour flavour) throws Exception {
        Document xml = DocumentBuilderFactory.newInstance().newDocumentBuilder()
            .parse(Conformance.class.getClassLoader().getResourceAsStream(PLACE + file));
        Set<Rule> rules = new HashSet<>();
        NodeList listed = xml.getElementsByTagName("rule");
        for (int i = 0; i < listed.getLength(); i++) rules.add(readRule((Element) listed.item(i)));
        Set<Variable> variables = new HashSet<>();
        NodeList named = xml.getElementsByTagName("variable");
        for (int i = 0; i < named.getLength(); i++) {
            Element v = (Element) named.item(i);
            variables.add(Profiles.variableFromValues(
                v.getAttribute("name"), v.getAttribute("object"), read(v, "defaultValue"), read(v, "value")));
        }
        var details = Profiles.profileDetailsFromValues(file, file, "tests", new Date(0));
        return Profiles.profileFromValues(flavour, details, "", rules, variables);
    }

    private static int count(String file, String id, String path) throws Exception {
        PDFAFlavour flavour = PDFAFlavour.byFlavourId(id);
        ValidationProfile profile = load(file, flavour);
        try (var parser = Foundries.defaultInstance().createParser(new FileInputStream(path), flavour)) {
            ValidationResult result = Foundries.defaultInstance().createValidator(profile, false).validate(parser);
            var broken = new TreeMap<String, Integer>();
            for (TestAssertion one : result.getTestAssertions()) {
                if (one.getStatus() == TestAssertion.Status.FAILED)
                    broken.merge(one.getRuleId().getClause() + " " + one.getMessage(), 1, Integer::sum);
            }
            broken.forEach((what, times) -> System.out.println(id + " " + what + " x" + times));
            System.out.println(id + ": " + profile.getRules().size() + " rules, " + broken.size() + " broken");
            return result.isCompliant() ? broken.size() : Math.max(1, broken.size());
        }
    }

    public static void main(String[] arguments) throws Exception {
        java.util.logging.LogManager.getLogManager().reset();
        VeraGreenfieldFoundryProvider.initialise();
        int broken = count("PDFA-3A.xml", "3a", arguments[0]) + count("PDFUA-1.xml", "ua1", arguments[0]);
        System.exit(broken == 0 ? 0 : 1);
    }
}
